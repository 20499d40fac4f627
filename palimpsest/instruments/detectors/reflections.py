"""A reflection meter: the brightness of the table where it mirrors a window.

    echo_brightness(images, world.slots)                   # (B, S), 0 black to 1 white
    reflection_change(before, after, world.slots)          # (B, S), from image pairs of the same z

The brightness of the bare table differs between scenes, so compare images of the same z: with and
without the window, or before and after an edit. A slot's ``echo`` is the box of its mirror image
(`worlds.scene.Slot`). The meter leaves out a border of `INSET` inside the box, because the soft
edges of generated images spread a window's light over the border.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.estimates.columns import estimate_columns
from palimpsest.estimates.error_rates import Errors
from palimpsest.estimates.intervals import bootstrap_mean
from palimpsest.generators.pictures import as_input
from palimpsest.training.degradation import blur
from palimpsest.training.renders import GRADING_STREAM, held_out_scenes
from palimpsest.worlds.scene import Scene, Slot, World

INSET = 1 / 64
"""Width of the border that is left out, as a share of the image's side: 2 pixels at 128."""

NOTICEABLE = 0.02
"""Least change of brightness that counts as a reflection appearing or vanishing: 5 of 255 steps."""


def echo_brightness(images: Tensor, slots: Mapping[str, Slot]) -> Tensor:
    """Mean brightness within each slot's echo, (B, S) in [0, 1], in the order of ``slots``.

    ``images`` (B, 3, H, W) in [-1, 1]; values outside are clipped. Raises `ParameterError` for no
    slots, and `ValueError` for images that are too small to measure.
    """
    _check(slots)
    height, width = images.shape[2:]
    shown = (images.clamp(-1, 1) + 1) / 2
    columns = []
    for name, slot in slots.items():
        left, top, right, bottom = slot.echo
        down, across = max(1, round(INSET * height)), max(1, round(INSET * width))
        rows = slice(round(top * height) + down, round(bottom * height) - down)
        box = shown[:, :, rows, round(left * width) + across : round(right * width) - across]
        if not box.numel():
            raise ValueError(f"images of {height} × {width} are too small to measure {name}")
        columns.append(box.mean((1, 2, 3)))
    return torch.stack(columns, 1)


def area_mean(maps: Tensor, areas: Tensor) -> Tensor:
    """Mean of each map over its own area, (B,); NaN for an empty area.

    ``maps`` (B, H, W); ``areas`` (B, H, W) in [0, 1]: weight of each pixel.
    """
    areas = areas.to(maps.device)
    return (maps * areas).sum((1, 2)) / areas.sum((1, 2))


def area_brightness(images: Tensor, areas: Tensor) -> Tensor:
    """Mean brightness within painted ``areas`` (B, H, W), (B,) in [0, 1], as `echo_brightness`."""
    return area_mean((images.clamp(-1, 1).mean(1) + 1) / 2, areas)


def reflection_change(before: Tensor, after: Tensor, slots: Mapping[str, Slot]) -> Tensor:
    """Increase of each echo's brightness from ``before`` to ``after``, (B, S) in [-1, 1].

    Both (B, 3, H, W), image i of either from the same z. Raises as `echo_brightness`, and
    `ValueError` for batches that do not match.
    """
    if before.shape != after.shape:
        raise ValueError(f"{tuple(before.shape)} images before, {tuple(after.shape)} after")
    return echo_brightness(after, slots) - echo_brightness(before, slots)


def window_gain(
    world: World, scene: Scene, slot: str, resolution: int, blurred: float = 0.0
) -> Tensor:
    """`reflection_change` in renders of ``scene`` when the window of ``slot`` appears, (B, S)."""
    flag = world.slots[slot].attributes[0]
    without, present = (
        blur(as_input(world.render(scene.with_(**{flag: there}), resolution).images), blurred)
        for there in (False, True)
    )
    return reflection_change(without, present, world.slots)


def grade_meter(
    world: World,
    rule: str,
    n: int = 200,
    resolution: int = 128,
    blurred: float = 0.0,
    seed: int = GRADING_STREAM,
) -> dict[str, object]:
    """Grades of the meter on ``n`` held-out scenes, rendered with and without each window.

    ``rule``: the flag of a reflective table ("reflective"); each scene is rendered with it on and
    off. Over all slots:

    - ``gain``: mean change in a window's own echo when it appears, with a bootstrap interval over
      scenes; ``least_gain``: the smallest change;
    - ``gain_without_rule``: the largest change with the rule off (the true value is 0);
    - ``elsewhere``: the largest change in the echo of another window (the true value is 0);
    - ``brightness_correlation``: correlation of the gain with the window's own brightness;
    - the `Errors` of classifying scenes as reflective by a change of at least `NOTICEABLE`.

    Raises `ParameterError` for a world without slots.
    """
    _check(world.slots)
    gains, bare, brightness = [], [], []
    elsewhere = 0.0
    for scene in held_out_scenes(world, n, seed):
        rows = []
        for column, (name, slot) in enumerate(world.slots.items()):
            mirrored, plain = (
                window_gain(world, scene.with_(**{rule: holds}), name, resolution, blurred).numpy()
                for holds in (True, False)
            )
            others = np.abs(np.delete(mirrored, column, axis=1))
            elsewhere = max(elsewhere, float(others.max(initial=0)))
            rows.append((mirrored[:, column], plain[:, column], scene.values[slot.attributes[1]]))
        for kept, parts in zip((gains, bare, brightness), zip(*rows, strict=True), strict=True):
            kept.append(np.stack(parts, 1))
    gain, nothing, light = map(np.concatenate, (gains, bare, brightness))  # (n, S) each
    mean = bootstrap_mean(gain.mean(1))
    errors = Errors.of(
        np.repeat([True, False], [gain.size, nothing.size]),
        np.concatenate([gain.ravel(), nothing.ravel()]) >= NOTICEABLE,
    )
    return {
        "n": n,
        "resolution": resolution,
        "blur": blurred,
        **estimate_columns({"gain": mean}),
        "least_gain": float(gain.min()),
        "gain_without_rule": float(np.abs(nothing).max()),
        "elsewhere": elsewhere,
        "brightness_correlation": float(np.corrcoef(gain.ravel(), light.ravel())[0, 1]),
        **errors.facts(),
    }


def _check(slots: Mapping[str, Slot]) -> None:
    if not slots:
        raise ParameterError("this world has no slots, so nothing in it is mirrored")
