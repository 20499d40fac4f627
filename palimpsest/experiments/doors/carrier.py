"""Recognising a thing at an unusual place: the place is copied into the donor's picture.

    carrier = Carrier(donor, source, shift=(-56, 16))
    carrier.carry(images)                              # (B, 3, H, W), the donor with their places
    seen = carrier.pixels_seen(images, segmenter, "door")

A segmenter that never saw a door in the sky may not recognise one there. So the pixels of the place
are copied over the donor's picture, onto the spot that the door was copied from, and the segmenter
labels that picture: the door then stands in a wall, as in the segmenter's training data. A place of
open sky covers the donor's own door, so every door that is seen comes from the place.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from palimpsest.errors import ParameterError, SessionError
from palimpsest.generators import Generator, sample_z
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.sessions.schema import Exemplar, Session


@dataclass(frozen=True)
class Carrier:
    """``donor`` (3, H, W) in [-1, 1]; ``source`` (H, W) bool, the part of it that is covered.

    ``shift`` (rows, columns) in pixels: from the source to the place in other images. Raises
    `ParameterError` for an empty source, or a shift that moves it out of the picture.
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

    @classmethod
    def of_exemplar(cls, g: Generator, session: Session, exemplar: Exemplar) -> Carrier:
        """The carrier from an exemplar's place back to where its object was copied.

        Raises `SessionError` where object and place are not painted with the same pixels.
        """
        size = (g.resolution,) * 2
        source, place = (part.area(size) > 0.5 for part in (exemplar.object, exemplar.paste))
        if int(source.sum()) != int(place.sum()):
            raise SessionError(
                f"session {session.name}: the object covers {int(source.sum())} pixels and its "
                f"place {int(place.sum())}; paint them alike"
            )
        down, across = (place.nonzero().amin(0) - source.nonzero().amin(0)).tolist()
        z = sample_z(g, session.n, session.seed)[exemplar.object.sample][None]
        return cls(g(z)[0], source, (down, across))

    @property
    def place(self) -> tuple[Tensor, Tensor]:
        """Rows and columns of the place in other images, in the order of the source's pixels."""
        rows, columns = self.source.nonzero(as_tuple=True)
        return rows + self.shift[0], columns + self.shift[1]

    @property
    def place_mask(self) -> Tensor:
        """The place in other images, (H, W) bool."""
        mask = torch.zeros_like(self.source)
        mask[self.place] = True
        return mask

    def carry(self, images: Tensor) -> Tensor:
        """The donor's picture with the place of each of ``images`` (B, 3, H, W) in it."""
        carried = self.donor.expand(len(images), -1, -1, -1).clone()
        rows, columns = self.place
        carried[:, :, self.source] = images[:, :, rows, columns]
        return carried

    def pixels_seen(self, images: Tensor, segmenter: Segmenter, name: str) -> Tensor:
        """Pixels of each carried place that are labelled as a class, (B,) int64."""
        number = segmenter.index(name)
        labels = segmenter.labels(self.carry(images))
        return (labels[:, self.source] == number).sum(1)
