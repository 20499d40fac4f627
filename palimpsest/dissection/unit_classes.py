"""Network dissection: how well each unit of a layer matches each class of a segmenter.

    found = dissect(g, layer=4, segmenter=segmenter, n=500, seed=1)
    found.iou[3, segmenter.index("window")]        # IoU of unit 3 with windows
    found.top_units("window", 20)                  # the 20 units that match windows best
    dissect(g, 4, parser, names=["window"])        # one of a segmenter's many classes

A unit is one channel of a layer's values. It is on where its map, upsampled to the image, reaches
the unit's own quantile over all locations and samples. This mask is compared with the segmentation
of the generated images (GAN Dissection, Bau et al., ICLR 2019, section 3.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators import Generator, sample_z
from palimpsest.generators.picture_cells import within_picture
from palimpsest.generators.samples import images_at_once
from palimpsest.instruments.label_changes import of_classes
from palimpsest.instruments.segmenters.base import Segmenter

QUANTILE = 0.99
BATCH = 16


@dataclass(frozen=True)
class Dissection:
    """``iou`` (units, classes) in [0, 1]; ``thresholds`` (units,): quantiles of the values.

    ``on`` (units, classes): mean value of each unit over the cells that the class covers (by at
    least half); NaN for a class that covers no cell.
    """

    classes: tuple[str, ...]
    iou: Tensor
    thresholds: Tensor
    on: Tensor

    def top_units(self, name: str, count: int) -> list[int]:
        """The ``count`` units with the highest IoU with a class, best first.

        Raises `ParameterError` for a class that the segmenter does not have.
        """
        if name not in self.classes:
            raise ParameterError(f"no class {name!r}; there are: {', '.join(self.classes)}")
        column = self.iou[:, self.classes.index(name)]
        return column.argsort(descending=True, stable=True)[:count].tolist()


@torch.no_grad()
def dissect(
    g: Generator,
    layer: int,
    segmenter: Segmenter,
    n: int = 500,
    seed: int = 1,
    quantile: float = QUANTILE,
    names: Sequence[str] | None = None,
) -> Dissection:
    """Dissection on the first ``n`` standard samples of ``seed``, whose values are kept in memory.

    ``names``: the classes to compare with, each with all its labels; None: every label of the
    segmenter. Raises `ParameterError` for a quantile outside (0, 1), and for an unknown class.
    """
    if not 0 < quantile < 1:
        raise ParameterError(f"quantile {quantile} is outside (0, 1)")
    columns = None if names is None else [segmenter.numbers(name) for name in names]
    opened = g.layer(layer)
    maps, labels = [], []
    for part in sample_z(g, n, seed).split(BATCH):
        values = opened.values(opened.keys(part))
        maps.append(within_picture(values.v, opened.margin))
        seen = segmenter.labels(opened.render(values))
        labels.append(seen.to(g.device))
    cells = torch.cat(maps).transpose(0, 1).flatten(1)  # (units, all cells)
    thresholds = torch.stack([unit.quantile(quantile) for unit in cells])
    classes = tuple(segmenter.classes if names is None else names)
    units, count = len(thresholds), len(classes)
    both, total = torch.zeros(2, units, count, device=g.device)
    seen, filled = torch.zeros(2, count, device=g.device)
    lit = torch.zeros(units, device=g.device)
    for v, label in _parts(maps, labels):
        shown = _shown(label, count, columns)  # (B, H, W, classes)
        wide = F.interpolate(v, label.shape[1:], mode="bilinear", align_corners=False)
        on = (wide >= thresholds[:, None, None]).float().transpose(0, 1).flatten(1)
        both += on @ shown.flatten(0, 2)
        lit += on.sum(1)
        seen += shown.sum((0, 1, 2))
        share = F.adaptive_avg_pool2d(shown.permute(0, 3, 1, 2), v.shape[2:])
        full = (share >= 0.5).float().transpose(0, 1).flatten(1)  # (classes, cells)
        total += v.transpose(0, 1).flatten(1) @ full.T
        filled += full.sum(1)
    iou = both / (lit[:, None] + seen - both).clamp_min(1)
    return Dissection(classes, iou.cpu(), thresholds.cpu(), (total / filled).cpu())


def _parts(maps: list[Tensor], labels: list[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches, split further for images above 128 pixels, since the upsampled maps of all units
    need much memory."""
    for v, label in zip(maps, labels, strict=True):
        size = images_at_once(label.shape[-1], BATCH)
        yield from zip(v.split(size), label.split(size), strict=True)


def _shown(label: Tensor, count: int, columns: list[tuple[int, ...]] | None) -> Tensor:
    """Mask of each class, (B, H, W, count) of 0 and 1; ``columns``: the labels of each class."""
    if columns is None:
        return F.one_hot(label, count).float()
    return torch.stack([of_classes(label, numbers) for numbers in columns], -1).float()
