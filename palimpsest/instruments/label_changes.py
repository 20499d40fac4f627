"""What an edit did to an image, told from its labels before and after.

    effect = edit_effect(before, after, source=[7], targets=[8, 9])
    effect.modified_pixels.sum() / effect.source_pixels.sum()     # the paper's measure (Table 2)

All functions are pure; label maps are (B, H, W) integer tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

THING_SHARE = 1 / 1024
"""Share of an image's pixels from which the source class counts as a thing (16 at 128 x 128); fewer
are specks of the segmenter and count as none."""

REMOVED_SHARE = 0.75
TURNED_SHARE = 0.5


@dataclass(frozen=True)
class EditEffect:
    """Counts of each image, (B,): pixels int64, ``converted`` bool.

    - ``source_pixels``: of a source class before; 0 where the image shows no such thing;
    - ``modified_pixels``: of those, that are of a target class after (the paper's measure);
    - ``removed_pixels``: of those, that are no longer of a source class;
    - ``outside_pixels``: the rest of the image, by the labels before;
    - ``kept_pixels``: of that rest, whose label stayed as it was;
    - ``converted``: at least 75 % of the source pixels were removed and at least 50 % modified.
    """

    source_pixels: Tensor
    modified_pixels: Tensor
    removed_pixels: Tensor
    outside_pixels: Tensor
    kept_pixels: Tensor
    converted: Tensor


def source_region(before: Tensor, source: Sequence[int]) -> Tensor:
    """Pixels (B, H, W) bool of the ``source`` classes; all False where there are only specks."""
    region = of_classes(before, source)
    enough = region.sum((1, 2), keepdim=True) >= THING_SHARE * before[0].numel()
    return region & enough


def edit_effect(
    before: Tensor, after: Tensor, source: Sequence[int], targets: Sequence[int]
) -> EditEffect:
    """Counts of what changed from ``before`` to ``after``, both (B, H, W), B at least 1.

    A source may lie within a target, as domes are parts of buildings: what stays one is then
    modified without being removed, as the paper counts. Raises `ValueError` for maps of unlike
    shape.
    """
    if before.shape != after.shape or before.ndim != 3:
        raise ValueError(f"labels {tuple(before.shape)} before and {tuple(after.shape)} after")
    region = source_region(before, source)
    wanted = of_classes(after, targets)

    def count(mask: Tensor) -> Tensor:
        return mask.sum((1, 2))

    pixels, modified = count(region), count(region & wanted)
    removed = count(region & ~of_classes(after, source))
    return EditEffect(
        source_pixels=pixels,
        modified_pixels=modified,
        removed_pixels=removed,
        outside_pixels=count(~region),
        kept_pixels=count(~region & (after == before)),
        converted=(
            (pixels > 0) & (removed >= REMOVED_SHARE * pixels) & (modified >= TURNED_SHARE * pixels)
        ),
    )


def of_classes(labels: Tensor, numbers: Sequence[int] | Tensor) -> Tensor:
    """Which ``labels`` (integers from 0 on, any shape) are among ``numbers``: bool, as shaped.

    As `torch.isin`, by a table of all labels: a fifth of the time for one number, less for more.
    """
    numbers = torch.as_tensor(numbers, dtype=torch.long, device=labels.device)
    highest = [int(some.max()) for some in (labels, numbers) if some.numel()]
    table = torch.zeros(max(highest, default=0) + 1, dtype=torch.bool, device=labels.device)
    table[numbers] = True
    return table.index_select(0, labels.flatten().long()).view(labels.shape)


def class_pixels(labels: Tensor, classes: int) -> np.ndarray:
    """Pixels of each class in each image, (B, classes) int64, of ``labels`` (B, H, W)."""
    flat = labels.flatten(1).long()
    counts = torch.zeros(len(flat), classes, dtype=torch.int64)
    return counts.scatter_add_(1, flat, torch.ones_like(flat)).numpy()
