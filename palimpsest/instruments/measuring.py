"""Measure what edits do, image by image, on a stream of samples that is generated once.

    methods = [load_method("newton", "newton.safetensors", g), ...]
    change = Change(source="dome", targets=("spire", "roof"))
    table = measure(g, segmenter, PerceptualDistance(segmenter), methods, change, n=1000, seed=3)

The unedited generator and all methods that change one layer share the layers below it: its keys
are computed once for each batch. Nothing is written but the measures, one row a (sample, method);
an image does not depend on its batch, and so neither do the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from palimpsest.artefacts import atomic_path
from palimpsest.errors import EditError, ParameterError
from palimpsest.generators import Generator, KeyState, load_generator, sample_z
from palimpsest.generators.checkpoint_own import METADATA_KEY
from palimpsest.generators.checkpoint_reading import read_checkpoint
from palimpsest.instruments.effect import EditEffect, edit_effect, source_region
from palimpsest.instruments.perceptual import PerceptualDistance
from palimpsest.instruments.segmenter import Segmenter
from palimpsest.memory import Edit

UNMODIFIED = "unmodified"


@dataclass(frozen=True)
class Change:
    """What shall become what: names of the source class and of the classes it may turn into."""

    source: str
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Method:
    """A rewritten generator. ``layer``: the only one it changed, or None where it changed more."""

    name: str
    generator: Generator
    layer: int | None


def load_method(name: str, path: str | PathLike[str], generator: Generator) -> Method:
    """What a method made of ``generator``: an `Edit`, or rewritten weights in our own format.

    Whether weights differ in one layer only is found by comparing them, not taken from the file.
    Raises `EditError` for an edit of other weights, or weights of another network, and
    `CheckpointError` for a file that is neither.
    """
    path = Path(path)
    content = read_checkpoint(path)
    if METADATA_KEY not in content.metadata:
        edit = Edit.load(path)
        return Method(name, edit.apply(generator), edit.layer)
    other = load_generator(path, truncation=generator.truncation, noise=generator.noise)
    old, new = generator.state_dict(), other.state_dict()
    if old.keys() != new.keys() or any(old[key].shape != new[key].shape for key in old):
        raise EditError(f"{path}: weights of another network than the one to be measured against")
    changed = {key for key in old if not torch.equal(old[key], new[key])}
    return Method(name, other, _only_layer(generator, changed))


def _only_layer(generator: Generator, changed: set[str]) -> int | None:
    """The layer whose weight is all that is in ``changed``, if there is one."""
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
    methods: Sequence[Method],
    change: Change,
    *,
    n: int,
    seed: int,
    batch: int = 16,
    scale: str = "",
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """One row for each (sample, method), `unmodified` first, on the first ``n`` standard samples.

    Columns: sample, seed, method; the counts of `EditEffect`; ``perceptual_outside`` (of the pixels
    that were not of the source class); scale, as given; perceptual and segmenter (which measured).
    ``progress`` is told how many more samples are done. Raises `ParameterError` for an unknown
    class, a method given twice, and n or batch below 1.
    """
    names = [UNMODIFIED, *(method.name for method in methods)]
    if len(set(names)) < len(names):
        raise ParameterError(f"methods {', '.join(names)}: each can be measured only once")
    if n < 1 or batch < 1:
        raise ParameterError(f"samples = {n}, batch = {batch}; each must be at least 1")
    samples = sample_z(generator, n, seed)
    source, *targets = (class_index(segmenter, c) for c in (change.source, *change.targets))
    parts = []
    for first in range(0, n, batch):
        z = samples[first : first + batch]
        before, afters = before_and_after(generator, methods, z)
        labels = segmenter.segment(before)
        outside = ~source_region(labels, source)
        for name, after in afters:
            changed = labels if after is before else segmenter.segment(after)
            effect = edit_effect(labels, changed, source, targets)
            with torch.no_grad():
                apart = distance.masked(before, after, outside)
            parts.append(_rows(first, name, effect, apart))
        if progress is not None:
            progress(len(z))
    table = pd.concat(parts, ignore_index=True)
    table.insert(1, "seed", seed)
    table["scale"] = scale
    table["perceptual"], table["segmenter"] = distance.name, segmenter.name
    place = table["method"].map({name: i for i, name in enumerate(names)})
    order = table.assign(place=place).sort_values(["sample", "place"], kind="stable").index
    return table.loc[order].reset_index(drop=True)


def class_index(segmenter: Segmenter, name: str) -> int:
    """Index of a class. Raises `ParameterError` listing the classes for one it has not."""
    try:
        return segmenter.index(name)
    except ValueError as problem:
        raise ParameterError(str(problem)) from None


@torch.no_grad()
def before_and_after(
    generator: Generator, methods: Sequence[Method], z: Tensor
) -> tuple[Tensor, Iterator[tuple[str, Tensor]]]:
    """Images of ``z`` before, and (method, images after) for `unmodified` and each method.

    Layers below a changed one run once, whatever the number of methods that changed it.
    """
    layers = sorted({method.layer for method in methods if method.layer is not None})
    keys = {number: generator.layer(number).keys(z) for number in layers}
    if keys:
        layer = generator.layer(layers[0])
        before = layer.render(layer.values(keys[layers[0]]))
    else:
        before = generator(z)
    return before, _afters(methods, z, keys, before)


def _afters(
    methods: Sequence[Method], z: Tensor, keys: Mapping[int, KeyState], before: Tensor
) -> Iterator[tuple[str, Tensor]]:
    yield UNMODIFIED, before
    for method in methods:
        with torch.no_grad():
            if method.layer is None:
                after = method.generator(z)
            else:
                layer = method.generator.layer(method.layer)
                after = layer.render(layer.values(keys[method.layer]))
        yield method.name, after


def _rows(first: int, method: str, effect: EditEffect, outside: Tensor) -> pd.DataFrame:
    columns = {field.name: getattr(effect, field.name).numpy() for field in fields(effect)}
    return pd.DataFrame(
        {"sample": range(first, first + len(outside)), "method": method}
        | columns
        | {"perceptual_outside": outside.double().numpy()}
    )


def write_measurements(
    table: pd.DataFrame, path: str | PathLike[str], facts: Mapping[str, str]
) -> None:
    """Write ``table`` as parquet, whole or not at all, with ``facts`` in the file's metadata."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    held = arrow.schema.metadata or {}
    arrow = arrow.replace_schema_metadata(
        {**held, **{f"palimpsest.{name}": value for name, value in facts.items()}}
    )
    with atomic_path(path) as temporary:
        pq.write_table(arrow, temporary)
