"""Measure the effect of edits image by image, on samples that are generated once for all edits.

    methods = [load_method("newton", "newton.safetensors", g), ...]
    change = Change(source=("dome",), targets=("spire", "roof"))
    table = measure(g, segmenter, PerceptualDistance(segmenter), methods, change, n=1000, seed=3)

The unedited generator and all methods that change one layer share the layers below it: its keys
are computed once for each batch. The result has one row for each (sample, method); rows depend on
the batch size by rounding only. Samples can be measured a shard at a time
(`palimpsest.pipeline.shards`): the rows are those of the whole, bit for bit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from palimpsest.errors import EditError, ParameterError
from palimpsest.experiments.counterfactuals.new_rules import Counterfactual, NewRule
from palimpsest.generators import Generator, KeyState, load_generator, sample_z
from palimpsest.generators.checkpoints.containers import read_checkpoint
from palimpsest.generators.checkpoints.palimpsest_safetensors import METADATA_KEY
from palimpsest.generators.half_precision import draw
from palimpsest.instruments.classifiers.base import Classifier
from palimpsest.instruments.distances.perceptual import PerceptualDistance, PreparedImages
from palimpsest.instruments.label_changes import edit_effect, of_classes, source_region
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.instruments.segmenters.cached_outputs import CachedOutputs
from palimpsest.memory import Edit
from palimpsest.methods.registry import UNMODIFIED
from palimpsest.sample_blocks import batches

ERRORS = "classifier_errors"
"""Fact of measurements that holds the known errors of their classifier, as JSON."""

EVERYWHERE = ("source_pixels", "outside_pixels", "kept_pixels")
"""Counts of `EditEffect` that do not need target classes."""


@dataclass(frozen=True)
class Change:
    """The change that an edit is meant to make, and what measures it.

    ``source``: names of the classes whose pixels may change; all others are outside. ``targets``:
    the classes that they should become, if pixels are counted. ``shows``: classifies an attribute
    of the whole image. ``rule``: the world's counterfactual rule.
    """

    source: tuple[str, ...]
    targets: tuple[str, ...] = ()
    shows: Classifier | None = None
    rule: NewRule | None = None

    def __post_init__(self) -> None:
        if both := sorted(set(self.source) & set(self.targets)):
            raise ParameterError(f"class {both[0]!r} is both a source and a target")

    @property
    def facts(self) -> dict[str, str]:
        """Facts of the measurements: the classes, and the errors of the classifier if known."""
        found = {"source_classes": ",".join(self.source), "target_classes": ",".join(self.targets)}
        errors = self.shows.known_errors() if self.shows else None
        return found | ({ERRORS: json.dumps(errors.facts())} if errors else {})


@dataclass(frozen=True)
class RewrittenGenerator:
    """The generator that a method made. ``layer``: the only one changed, or None for several."""

    name: str
    generator: Generator
    layer: int | None


@dataclass(frozen=True)
class ChangedImages:
    """A method that changes images, not weights: ``change`` maps (B, 3, H, W) to the same."""

    name: str
    change: Callable[[Tensor], Tensor]


def load_method(name: str, path: str | PathLike[str], generator: Generator) -> RewrittenGenerator:
    """The generator from a method's file: an `Edit` of ``generator``, or rewritten weights.

    Comparing the weights shows whether they differ in one layer only; the file's metadata is not
    used. Raises `EditError` for an edit of other weights, or weights of another network, and
    `CheckpointError` for a file that is neither.
    """
    path = Path(path)
    content = read_checkpoint(path)
    if METADATA_KEY not in content.metadata:
        edit = Edit.load(path)
        try:
            return RewrittenGenerator(name, edit.apply(generator), edit.layer)
        except EditError as problem:
            raise EditError(f"{path}: {problem}") from None
    other = load_generator(path, truncation=generator.truncation, noise=generator.noise)
    other = other.to(generator.device)
    old, new = generator.state_dict(), other.state_dict()
    if old.keys() != new.keys() or any(old[key].shape != new[key].shape for key in old):
        raise EditError(f"{path}: weights of another network than the one to be measured against")
    changed = {key for key in old if not torch.equal(old[key], new[key])}
    return RewrittenGenerator(name, other, _only_layer(generator, changed))


def _only_layer(generator: Generator, changed: set[str]) -> int | None:
    """The layer whose weight is the only tensor in ``changed``; None if there is no such layer."""
    if len(changed) != 1:
        return None
    weights = {id(p): key for key, p in generator.named_parameters()}
    for number in generator.layers:
        if weights.get(id(generator.layer(number).weight)) in changed:
            return number
    return None


def measure(
    generator: Generator,
    segmenter: Segmenter,
    distance: PerceptualDistance,
    methods: Sequence[RewrittenGenerator | ChangedImages],
    change: Change,
    *,
    n: int,
    seed: int,
    first: int = 0,
    batch: int = 16,
    half: bool = False,
    scale: str = "",
    watch: Callable[[str, CachedOutputs], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """One row for each (sample, method), `unmodified` first, on the standard samples ``first`` to
    ``n`` - 1.

    Columns: sample, seed, method; the counts of `EditEffect`, without targets only those of
    `EVERYWHERE`; ``shows`` if a classifier is given; ``counterfactual_error`` and
    ``generator_error`` where the world has the rule (`Counterfactual`); ``perceptual_outside``
    (over the pixels outside the source classes); with a critic on the segmenter ``critic_drop``,
    over the pixels of a source before or of a new target after, and ``critic_drop_outside``, over
    all others; scale, as given; the names of the perceptual distance, segmenter and classifier;
    with ``half`` ``drawn_in``, which says so.

    ``half``: as in `before_and_after`. ``watch`` is called for every batch with the method and the
    cached segmenter outputs, ``progress`` with the number of samples done since its last call.
    Raises `ParameterError` for an unknown class, a method given twice, no sample, a first one
    within a block, and a batch below 1.
    """
    names = [UNMODIFIED, *(method.name for method in methods)]
    if len(set(names)) < len(names):
        raise ParameterError(f"methods {', '.join(names)}: each can be measured only once")
    if not 0 <= first < n:
        raise ParameterError(f"samples = {n} from {first} on; there must be at least 1")
    samples = sample_z(generator, n, seed)
    source, targets = (segmenter.numbers(*names) for names in (change.source, change.targets))
    parts = []
    for numbers in batches(range(first, n), batch):
        z = samples[numbers.start : numbers.stop]
        before, afters = before_and_after(generator, methods, z, half)
        outputs = CachedOutputs(segmenter, before)
        labels = outputs.labels
        outside = ~source_region(labels, source)
        prepared = distance.prepare(outputs)
        critic = segmenter.critic
        natural = None if critic is None else critic.naturalness(outputs)
        truth = _truth(change.rule, z, generator.resolution, distance, prepared)
        for name, after in afters:
            now = outputs if after is before else CachedOutputs(segmenter, after)
            effect = edit_effect(labels, now.labels, source, targets)
            counted = [f.name for f in fields(effect)] if targets else EVERYWHERE
            columns = {column: getattr(effect, column).numpy() for column in counted}
            if change.shows is not None:
                columns["shows"] = change.shows.shows(after).numpy()
            compared = prepared if after is before else distance.prepare(now)
            if truth is not None:
                scenes, own = truth
                columns["counterfactual_error"] = scenes.errors(distance, compared).double().numpy()
                columns["generator_error"] = own.double().numpy()
            apart = distance.masked(prepared, compared, outside)
            columns["perceptual_outside"] = apart.double().cpu().numpy()
            if critic is not None and natural is not None:
                place = ~outside | (of_classes(now.labels, targets) & ~of_classes(labels, targets))
                after_edit = natural if now is outputs else critic.naturalness(now)
                for column, where in (("critic_drop", place), ("critic_drop_outside", ~place)):
                    columns[column] = critic.drop_of(natural, after_edit, where).numpy()
            parts.append(pd.DataFrame({"sample": numbers, "method": name} | columns))
            if watch is not None:
                watch(name, now)
        if progress is not None:
            progress(len(z))
    table = pd.concat(parts, ignore_index=True)
    table.insert(1, "seed", seed)
    table["scale"] = scale
    table["perceptual"] = distance.name_for(generator.image_size)
    table["segmenter"] = segmenter.name
    if change.shows is not None:
        table["classifier"] = change.shows.name
    if half and (lowest := lowest_changed(methods)) is not None:
        table["drawn_in"] = f"bfloat16 after layer {lowest}"
    place = table["method"].map({name: i for i, name in enumerate(names)})
    order = table.assign(place=place).sort_values(["sample", "place"], kind="stable").index
    return table.loc[order].reset_index(drop=True)


@torch.no_grad()
def before_and_after(
    generator: Generator,
    methods: Sequence[RewrittenGenerator | ChangedImages],
    z: Tensor,
    half: bool = False,
) -> tuple[Tensor, Iterator[tuple[str, Tensor]]]:
    """Images of ``z`` before, and (method, images after) for `unmodified` and each method.

    Layers below a changed one run once for all methods that changed it. With ``half`` everything
    after the `lowest_changed` layer runs in bfloat16 (`generators.half_precision`), in every
    generator, so that rounding is the same before and after an edit. If no method changed a single
    layer, all is float32.
    """
    layers = _changed_layers(methods)
    if not layers:
        before = generator(z)
        return before, _afters(methods, z, {}, before, None)
    keys = {state.layer: state for state in generator.keys_of_layers(z, layers)}
    layer = generator.layer(layers[0])
    before = draw(layer, layer.values(keys[layers[0]]), half)
    return before, _afters(methods, z, keys, before, layers[0] if half else None)


def lowest_changed(methods: Sequence[RewrittenGenerator | ChangedImages]) -> int | None:
    """The lowest layer that is the only one that a method changed; None if there is no such."""
    return min(_changed_layers(methods), default=None)


def _changed_layers(methods: Sequence[RewrittenGenerator | ChangedImages]) -> list[int]:
    changed = {method.layer for method in methods if isinstance(method, RewrittenGenerator)}
    return sorted(layer for layer in changed if layer is not None)


def _afters(
    methods: Sequence[RewrittenGenerator | ChangedImages],
    z: Tensor,
    keys: Mapping[int, KeyState],
    before: Tensor,
    half_after: int | None,
) -> Iterator[tuple[str, Tensor]]:
    yield UNMODIFIED, before
    for method in methods:
        with torch.no_grad():
            if isinstance(method, ChangedImages):
                after = method.change(before)
            elif half_after is not None:
                layer = method.generator.layer(half_after)
                state = layer.keys(z) if method.layer is None else keys[half_after]
                after = draw(layer, layer.values(state), half=True)
            elif method.layer is None:
                after = method.generator(z)
            else:
                layer = method.generator.layer(method.layer)
                after = layer.render(layer.values(keys[method.layer]))
        yield method.name, after


def _truth(
    rule: NewRule | None,
    z: Tensor,
    resolution: int,
    distance: PerceptualDistance,
    before: PreparedImages,
) -> tuple[Counterfactual, Tensor] | None:
    """The world's counterfactual of ``z``, and the distance of the unedited images to the scenes
    as they are, which is the same for every method."""
    if rule is None:
        return None
    scenes = rule.counterfactual(z, resolution).seen_by(distance)
    return scenes, scenes.own_errors(distance, before)
