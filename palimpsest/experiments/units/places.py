"""Two places in each image: one where a thing would fit, and one where it would not.

    places = find_places(images, labels, segmenter, settings, cell=4)
    places.masks(FITS, cells=32)               # (n, 32, 32), the place in a layer's cells
    places.share(door_pixels, FITS)            # (n,), share of each place
    places.carried(changed, UNFIT)             # the place's pixels where the image has its own door

For a door these are a wall at ground level, beside the church's own door, and the open sky above
it. A segmenter recognises a thing by its surroundings too, and may not name it at an unusual place.
`Places.carried` therefore copies the pixels of a place over the image's own thing, to be labelled
there (as in `experiments.doors.carrier`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.experiments.units.settings import OnSettings
from palimpsest.instruments.label_changes import of_classes
from palimpsest.instruments.segmenters.base import Segmenter

FITS, UNFIT, OWN = "fits", "unfit", "own"

COVERED = 0.85
"""Share of the fitting place that must be of the fitting classes; the rest may be an edge."""

Corner = tuple[int, int]
"""Top and left of a place, in pixels."""


@dataclass(frozen=True)
class Places:
    """Corners of the places of n images by name (`FITS`, `UNFIT`, and `OWN`: over the own thing).

    ``rows`` (n,): the images among those searched. ``images`` (n, 3, R, R) and ``labels``
    (n, R, R), unmodified; ``height`` and ``width`` of every place in pixels.
    """

    rows: tuple[int, ...]
    corners: tuple[dict[str, Corner], ...]
    images: Tensor
    labels: Tensor
    height: int
    width: int

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, picked: Sequence[int]) -> Places:
        """The places of some of the images, by their position."""
        return replace(
            self,
            rows=tuple(self.rows[i] for i in picked),
            corners=tuple(self.corners[i] for i in picked),
            images=self.images[list(picked)],
            labels=self.labels[list(picked)],
        )

    def box(self, number: int, name: str) -> tuple[slice, slice]:
        """Rows and columns of one image's place."""
        top, left = self.corners[number][name]
        return slice(top, top + self.height), slice(left, left + self.width)

    def pixels(self, name: str) -> Tensor:
        """Mask of each place in pixels, (n, R, R) bool."""
        mask = torch.zeros(self.labels.shape, dtype=torch.bool)
        for number in range(len(self)):
            mask[number][self.box(number, name)] = True
        return mask

    def masks(self, name: str, cells: int) -> Tensor:
        """Mask of each place in cells, (n, cells, cells) float32 of 0 and 1."""
        return (F.adaptive_avg_pool2d(self.pixels(name).float(), cells) >= 0.5).float()

    def share(self, seen: Tensor, name: str) -> Tensor:
        """Mean of ``seen`` (n, R, R) over each place, (n,)."""
        means = [seen[i][self.box(i, name)].float().mean() for i in range(len(self))]
        return torch.stack(means)

    def carried(self, changed: Tensor, name: str) -> Tensor:
        """The unmodified images with the place of each ``changed`` one over their own thing.

        (n, 3, R, R), differentiable with respect to ``changed``.
        """
        return self._copied(changed, name, OWN)

    def own_copied(self, name: str) -> Tensor:
        """The unmodified images with the pixels of their own thing copied to a place."""
        return self._copied(self.images, OWN, name)

    def _copied(self, source: Tensor, taken: str, put: str) -> Tensor:
        made = []
        for number, image in enumerate(self.images):
            rows, columns = self.box(number, put)
            place = source[number][(slice(None), *self.box(number, taken))]
            band = [image[:, rows, : columns.start], place, image[:, rows, columns.stop :]]
            parts = [image[:, : rows.start], torch.cat(band, 2), image[:, rows.stop :]]
            made.append(torch.cat(parts, 1))
        return torch.stack(made)


def find_places(
    images: Tensor, labels: Tensor, segmenter: Segmenter, settings: OnSettings, cell: int
) -> Places:
    """The places of all images (B, 3, R, R) that have them, by their labels (B, R, R).

    ``cell``: side of the layer's cells in pixels; places lie on their grid. An image has places if
    it shows the thing, a fitting place beside it, and an unfit one in the same columns above.
    """
    height, width = settings.rows * cell, settings.columns * cell
    thing, fits, unfit = (
        of_classes(labels, segmenter.numbers(*names))
        for names in ((settings.thing,), settings.fits, (settings.unfit,))
    )
    found = {
        number: corners
        for number in range(len(images))
        if (corners := _corners(thing[number], fits[number], unfit[number], height, width, cell))
    }
    rows = list(found)
    return Places(tuple(rows), tuple(found.values()), images[rows], labels[rows], height, width)


def _corners(
    thing: Tensor, fits: Tensor, unfit: Tensor, height: int, width: int, cell: int
) -> dict[str, Corner] | None:
    """The places of one image, given the masks (R, R) of its classes; None if it lacks one."""
    side = len(thing)
    down, across = thing.nonzero(as_tuple=True)
    if len(down) < height * width / 2:
        return None
    bottom, first, last = int(down.max()) + 1, int(across.min()), int(across.max()) + 1
    top = round(bottom / cell) * cell - height
    best, corner = 0.0, -1
    for left in range(0, side - width + 1, cell):
        beside = left + width + cell // 2 <= first or left - cell // 2 >= last
        inside = fits[top : top + height, left : left + width].float().mean()
        around = fits[top : top + height, max(0, left - cell) : left + width + cell].float().mean()
        if beside and inside >= COVERED and around > best:
            best, corner = float(around), left
    columns = slice(max(0, corner - cell), corner + width + cell)
    above = [
        row
        for row in range(cell, top - height, cell)
        if unfit[row - cell : row + height + cell, columns].all()
    ]
    own = min(max(0, round((first + last - width) / 2)), side - width)
    if corner < 0 or not above or bottom < height:
        return None
    return {
        FITS: (top, corner),
        UNFIT: (above[len(above) // 2], corner),
        OWN: (bottom - height, own),
    }
