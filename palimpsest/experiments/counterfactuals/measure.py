"""The distance of each session's edited images to the world's counterfactual, image by image.

    methods = [load_method("dome2spire", "dome2spire.safetensors", g), ...]      # named as rules
    table = measure_counterfactuals(g, get_world("church"), PerceptualDistance(segmenter), methods,
                            n=300, seed=3)

Every sample is generated once; all edits share the activations of the layers below them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from palimpsest.errors import ParameterError
from palimpsest.experiments.comparison.measure import (
    RewrittenGenerator,
    before_and_after,
)
from palimpsest.experiments.counterfactuals.new_rules import NewRule
from palimpsest.generators import Generator, sample_z
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.methods.registry import UNMODIFIED
from palimpsest.worlds.scene import World

EDITED = "edited"


def measure_counterfactuals(
    generator: Generator,
    world: World,
    distance: PerceptualDistance,
    methods: Sequence[RewrittenGenerator],
    *,
    n: int,
    seed: int,
    batch: int = 16,
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """Two rows, unmodified and edited, for each (sample, session) whose scene the rule changes.

    ``methods`` are named as the world's rules. Columns: sample, seed, session, method;
    ``counterfactual_error``, ``generator_error`` (see `Counterfactual`); perceptual.
    Raises `ParameterError` for a rule that the world does not have, and for n or batch below 1.
    """
    if n < 1 or batch < 1:
        raise ParameterError(f"samples = {n}, batch = {batch}; each must be at least 1")
    rules = {method.name: NewRule(world, method.name) for method in methods}
    samples = sample_z(generator, n, seed)
    parts = []
    for first in range(0, n, batch):
        z = samples[first : first + batch]
        before, afters = before_and_after(generator, methods, z)
        seen = distance.prepare(before)
        for name, after in afters:
            if name == UNMODIFIED:
                continue
            scenes = rules[name].counterfactual(z, generator.resolution).seen_by(distance)
            own = scenes.own_errors(distance, seen)
            for method, images in ((UNMODIFIED, seen), (EDITED, after)):
                rows = {
                    "sample": range(first, first + len(z)),
                    "seed": seed,
                    "session": name,
                    "method": method,
                    "counterfactual_error": scenes.errors(distance, images).double().numpy(),
                    "generator_error": own.double().numpy(),
                }
                parts.append(pd.DataFrame(rows)[scenes.changed.numpy()])
        if progress is not None:
            progress(len(z))
    table = pd.concat(parts, ignore_index=True)
    table["perceptual"] = distance.name_for(generator.image_size)
    order = [method.name for method in methods]
    placed = table.assign(place=table["session"].map(order.index))
    return table.loc[placed.sort_values(["place", "sample"], kind="stable").index]
