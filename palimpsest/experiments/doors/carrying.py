"""What a place shows: carry it to where a segmenter would know the thing.

    carrier = Carrier(donor, source, shift=(-56, 16))
    carrier.carry(images)                              # (B, 3, H, W), the donor with their places
    seen = carrier.pixels_seen(images, segmenter, "door")

A segmenter that never saw a door in the sky need not know one there. So the place, cell for cell,
is laid over the donor's picture where the door was copied from, and the segmenter is asked what
stands there now, amid the wall that it knows doors to stand in. A place of open sky covers the
donor's own door: no door is seen, which says that what is seen is the place's.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.instruments.segmenters.base import Segmenter


@dataclass(frozen=True)
class Carrier:
    """``donor`` (3, H, W) in [-1, 1]; ``source`` (H, W) bool, the part of it that is covered.

    ``shift`` (rows, columns) in pixels: from the source to the place in other images. Raises
    `ParameterError` for an empty source, or one that the shift takes out of the picture.
    """

    donor: Tensor
    source: Tensor
    shift: tuple[int, int]

    def __post_init__(self) -> None:
        if self.donor.shape[1:] != self.source.shape or not self.source.any():
            raise ParameterError(
                f"a donor of {tuple(self.donor.shape)} and {int(self.source.sum())} pixels of "
                f"{tuple(self.source.shape)} to cover; give a part of the donor's own picture"
            )
        rows, columns = self.place
        height, width = self.source.shape
        if min(rows.min(), columns.min()) < 0 or rows.max() >= height or columns.max() >= width:
            raise ParameterError(f"a shift of {self.shift} pixels leads out of the picture")

    @property
    def place(self) -> tuple[Tensor, Tensor]:
        """Rows and columns of the place in other images, in the order of the source's pixels."""
        rows, columns = self.source.nonzero(as_tuple=True)
        return rows + self.shift[0], columns + self.shift[1]

    def carry(self, images: Tensor) -> Tensor:
        """The donor's picture with the place of each of ``images`` (B, 3, H, W) in it."""
        carried = self.donor.expand(len(images), -1, -1, -1).clone()
        rows, columns = self.place
        carried[:, :, self.source] = images[:, :, rows, columns]
        return carried

    def pixels_seen(self, images: Tensor, segmenter: Segmenter, name: str) -> Tensor:
        """How many pixels of each carried place are seen to be of a class, (B,) int64."""
        number = segmenter.index(name)
        labels = segmenter.labels(self.carry(images))
        return (labels[:, self.source] == number).sum(1)
