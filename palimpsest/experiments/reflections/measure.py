"""The sign of the reflection rule: brightness of the reflections with and without the windows.

    table = measure_rule(g, [edit, other], switch, world, segmenter, "window", n=100, seed=4)

Each sample is generated four times, by the original and by every edit of it: with all windows
switched on by their units and all switched off (`dissection.unit_switches.Switch`), and again with
the flags of its z on and off, to which no edit was tuned. Under an inverted rule the reflections
(*echoes*) are darker with the windows than without them (paper, section 5.3). `painted_rule`
measures the same on painted windows and reflections, for generators without a world.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from palimpsest.dissection.slot_interventions import slot_share
from palimpsest.dissection.unit_switches import Switch, apart_area, every_flag
from palimpsest.errors import EditError, ParameterError
from palimpsest.generators import Generator, ValueState, sample_z
from palimpsest.instruments.detectors.reflections import echo_brightness
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory import Edit
from palimpsest.memory.swaps import joined
from palimpsest.worlds.scene import World

ORIGINAL, REWRITTEN = "original", "rewritten"


def measure_rule(
    g: Generator,
    edits: Sequence[Edit],
    switch: Switch,
    world: World,
    segmenter: Segmenter,
    thing: str = "window",
    *,
    n: int,
    seed: int,
    batch: int = 4,
    scale: str = "",
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """One row for each (sample, rule): `original` first, then `rewritten` by each of ``edits``.

    On the first ``n`` standard samples of ``seed``, means over the slots of each:

    - ``layer``, ``rank``: those of the edit, 0 for the original;
    - ``with_window``, ``without_window``: brightness of the echoes, switched by units;
    - ``scene_with_window``, ``scene_without_window``: the same, switched by z;
    - ``window_seen``, ``empty_seen``: share of the slots' pixels labelled as the thing, with the
      switch on and off;
    - ``change_elsewhere``: mean change of a pixel and channel outside slots and echoes (black to
      white is 1), of the samples switched by z;
    - ``loss``: of the edit on its pairs, and of the original on the same pairs.

    ``progress`` is called with the number of samples done since its last call. Raises `EditError`
    for an edit of a layer up to that of the switch, and `ParameterError` for no edits, edits tuned
    to different pairs, an unknown class, or ``n`` below 1.
    """
    check_edits(edits, switch, n, batch)
    number = segmenter.index(thing)
    samples = sample_z(g, n, seed)

    def look(images: Tensor, before: Tensor) -> dict[str, object]:
        return _seen(images, before, world, segmenter, number)

    def batches() -> Iterator[SwitchedBatch]:
        for first in range(0, n, batch):
            z = samples[first : first + batch]
            numbers = range(first, first + len(z))
            yield SwitchedBatch(numbers, _four_times(g, world, switch, z), look)

    about = {"seed": seed, "scale": scale, "segmenter": segmenter.name}
    return compare_rules(g, edits, switch.layer, batches(), about, progress)


@dataclass(frozen=True)
class SwitchedBatch:
    """``values`` of the switch's layer for a few ``samples``, given by number: of all of them in
    one state, then in the next. ``look`` gives the columns of one rule, a number for each sample,
    from the images of these values by that rule and by the original."""

    samples: Sequence[int]
    values: ValueState
    look: Callable[[Tensor, Tensor], dict[str, object]]


def compare_rules(
    g: Generator,
    edits: Sequence[Edit],
    layer: int,
    batches: Iterable[SwitchedBatch],
    about: Mapping[str, object],
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """The rows of `measure_rule` for values of ``layer``; ``about``: seed, scale and segmenter."""
    rules: list[tuple[Edit | None, Generator]] = [(None, g)]
    rules += [(edit, edit.apply(g)) for edit in edits]
    parts = []
    for batch in batches:
        before: Tensor | None = None
        for edit, changed in rules:
            with torch.no_grad():
                images = changed.layer(layer).render(batch.values)
            before = images if before is None else before
            facts = {
                "sample": batch.samples,
                "seed": about["seed"],
                "rule": ORIGINAL if edit is None else REWRITTEN,
                "layer": 0 if edit is None else edit.layer,
                "rank": 0 if edit is None else edit.rank,
            }
            seen = batch.look(images, before)
            loss = float(edits[0].metadata["loss_before"] if edit is None else _after(edit))
            parts.append(pd.DataFrame(facts | seen | {"loss": loss}))
        if progress is not None:
            progress(len(batch.samples))
    table = pd.concat(parts, ignore_index=True)
    table["scale"], table["segmenter"] = about["scale"], about["segmenter"]
    return table


def switch_of(edits: Sequence[Edit]) -> Switch:
    """The switch that edits were tuned with, from their metadata.

    Raises `EditError` for an edit without a switch, or with another one than the first.
    """
    told = {edit.metadata.get("switch", "") for edit in edits}
    if len(told) != 1 or "" in told:
        raise EditError(
            "edits that were not tuned with one and the same switch; give edits that one run of "
            "invert_reflections wrote"
        )
    return Switch.from_text(told.pop())


def check_edits(edits: Sequence[Edit], switch: Switch, n: int, batch: int) -> None:
    """Raise the errors of `measure_rule` for edits that cannot be measured with this switch."""
    if n < 1 or batch < 1 or not edits:
        raise ParameterError(f"{len(edits)} edits, {n} samples, batch {batch}: each at least 1")
    for edit in edits:
        if edit.layer <= switch.layer:
            raise EditError(
                f"this edit is of layer {edit.layer}, which cannot see the switch in the values "
                f"of layer {switch.layer}; measure edits of a later layer"
            )
        if "loss_before" not in edit.metadata:
            raise EditError("edit without its losses in the metadata; invert the rule again")
    before = {edit.metadata["loss_before"] for edit in edits}
    if len({f"{float(loss):.4g}" for loss in before}) > 1:
        raise ParameterError(
            f"the edits began at losses {', '.join(sorted(before))}, so they were tuned to "
            "different pairs; measure those of one inversion together"
        )


def _after(edit: Edit) -> str:
    return edit.metadata.get("loss_after", "nan")


def _four_times(g: Generator, world: World, switch: Switch, z: Tensor) -> ValueState:
    """Values (4 B, ...) of the switch's layer: switched on, off, by z on, by z off."""
    layer = g.layer(switch.layer)
    on, off = switch.pairs(g, world, z)
    with torch.no_grad():
        scenes = [layer.values(layer.keys(every_flag(world, z, there))) for there in (True, False)]
    return joined(on, off, *scenes)


def _seen(
    images: Tensor, before: Tensor, world: World, segmenter: Segmenter, number: int
) -> dict[str, object]:
    """Columns of one rule from its images (4 B, 3, H, W) and those of the original."""
    images, before = images.cpu(), before.cpu()
    on, off, scene_on, scene_off = echo_brightness(images, world.slots).mean(1).chunk(4)
    switched, _ = images.chunk(2)
    seen = segmenter.labels(switched) == number
    shares = [
        slot_share(seen, torch.full((len(seen),), slot), world) for slot in range(len(world.slots))
    ]
    window, empty = torch.stack(shares).mean(0).chunk(2)
    _, scenes = (images - before).abs().mean(1).chunk(2)  # (2 B, H, W), 2 from black to white
    apart = apart_area(world, images.shape[-1])
    moved = (scenes * apart).sum((1, 2)) / (2 * apart.sum())
    columns = {
        "with_window": on,
        "without_window": off,
        "scene_with_window": scene_on,
        "scene_without_window": scene_off,
        "window_seen": window,
        "empty_seen": empty,
        "change_elsewhere": torch.stack(moved.chunk(2)).mean(0),
    }
    return {name: column.double().numpy() for name, column in columns.items()}
