"""Held-out renders, reproduced and edited: the truth under the new rule is known.

    rule = NewRule(get_world("church"), "dome2spire")
    result = measure_renders(g, edit, rule, distance, settings)
    result.table                     # a row for each render and picture

What a photograph would look like under another rule is unknown. A world draws each scene under the
new rule, so the reproduction of a render, edited, can be compared with the picture that it should
be. The scenes are drawn for z that no generator was trained on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.experiments.counterfactuals.new_rules import NewRule
from palimpsest.experiments.photographs.nearest_sample import NearestSample
from palimpsest.experiments.photographs.reproduction import STAGES, reproduce
from palimpsest.experiments.photographs.settings import RenderSettings
from palimpsest.generators import sample_z
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.memory import Edit
from palimpsest.photographs.inversion import pixel_error

RENDER, EDITED, TRUTH = "render", "edited", "counterfactual"
PICTURES = (RENDER, *STAGES, EDITED, TRUTH)
SEARCHED = 1000
"""Scenes among which those that the rule changes are looked for."""

CHANGED = 0.1
"""Difference of a pixel, of 2 from black to white, above which the rule changes it."""

BATCH = 16


@dataclass(frozen=True)
class MeasuredRenders:
    """``table``: rows by render and picture; ``pictures``: images (n, 3, R, R) by name."""

    table: pd.DataFrame
    pictures: dict[str, Tensor]


def measure_renders(
    g: StyleGAN2,
    edit: Edit,
    rule: NewRule,
    distance: PerceptualDistance,
    settings: RenderSettings,
    progress: Callable[[str, int, int], None] | None = None,
) -> MeasuredRenders:
    """Rows for the first scenes of the seed that the rule changes.

    Columns: render (number), picture; ``perceptual_error``, ``pixel_error``: distance to the
    render; ``counterfactual_error``: perceptual distance to the same scene rendered under the new
    rule; ``changed_error``, ``changed_pixel_error``: distance to that in the pixels that the rule
    changes; ``seconds`` for one render. Raises `ParameterError` as `reproduce`, and if
    the rule changes too few scenes.
    """
    before, after = changed_scenes(g, rule, settings)
    nearest = NearestSample(distance, settings.inversion.candidates, settings.inversion.seed)
    found = reproduce(
        g,
        before,
        distance,
        settings,
        above=edit.layer,
        encoder=nearest,
        progress=progress,
    )
    edited = edit.apply(g)
    with torch.no_grad():
        made = torch.cat([one.image(edited) for one in found.photographs])
    pictures = {RENDER: before, **found.pictures, EDITED: made, TRUTH: after}
    changed = (after - before).abs().amax(1) > CHANGED
    rows = []
    for name in (*STAGES, EDITED):
        images = pictures[name].cpu()
        with torch.no_grad():
            row = {
                "render": range(len(images)),
                "picture": name,
                "perceptual_error": np.nan,
                "pixel_error": np.nan,
                "counterfactual_error": distance(images, after).cpu().numpy(),
                "changed_error": distance.masked(images, after, changed).cpu().numpy(),
                "changed_pixel_error": [
                    float(pixel_error(images[i : i + 1], after[i : i + 1], changed[i]))
                    for i in range(len(images))
                ],
                "seconds": found.seconds.get(name, np.nan),
            }
            if name in STAGES:
                row["perceptual_error"] = distance(images, before).cpu().numpy()
                row["pixel_error"] = pixel_error(images, before).numpy()
        rows.append(pd.DataFrame(row))
    return MeasuredRenders(pd.concat(rows, ignore_index=True), pictures)


def changed_scenes(g: StyleGAN2, rule: NewRule, settings: RenderSettings) -> tuple[Tensor, Tensor]:
    """The first scenes that the rule changes, rendered before and after, (n, 3, R, R) each.

    Raises `ParameterError` if there are too few among the first 1,000.
    """
    before, after, count = [], [], 0
    for z in sample_z(g, SEARCHED, settings.seed).split(BATCH):
        scenes = rule.counterfactual(z, g.resolution)
        before.append(scenes.before)
        after.append(scenes.after)
        count += len(scenes.before)
        if count >= settings.renders:
            return torch.cat(before)[: settings.renders], torch.cat(after)[: settings.renders]
    raise ParameterError(
        f"renders {settings.renders}: {rule.name} changes only {count} of {SEARCHED} scenes"
    )
