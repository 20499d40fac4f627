"""What adapted weights must leave as it is: images of other samples, and of pasted pieces of them.

    samples = References.of_samples(g, distance, above=6, count=16, seed=2)
    pieces = samples.with_pieces(g, photograph, values, distance, count=32, seed=2)

A *piece* is a rectangle of a sample's values, pasted into the photograph's values in part or in
full. Its image should be the photograph, and inside the rectangle what the unchanged weights draw.
An edit changes values in a region as a piece does, so weights that keep these images draw what a
rule puts there, and not the photograph's own features on top of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from palimpsest.generators.base import ValueState
from palimpsest.generators.samples import sample_z
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.distances.perceptual import PerceptualDistance, PreparedImages

SMALLEST, LARGEST = 0.25, 0.75
"""Sides of a piece as shares of the map's side."""

FAINTEST = 0.2
"""Least share of a sample's values in a piece; the rest are the photograph's."""


@dataclass(frozen=True)
class References:
    """Values of the layer above which weights change, and the images (n, 3, R, R) that they are to
    have."""

    values: ValueState
    images: Tensor
    prepared: PreparedImages

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, places: list[int]) -> References:
        return References(self.values[places], self.images[places], self.prepared[places])

    def joined(self, other: References) -> References:
        """These and then those of ``other``."""
        return References(
            _joined_values(self.values, other.values),
            torch.cat([self.images, other.images]),
            _joined_prepared(self.prepared, other.prepared),
        )

    def at(self, step: int, batch: int) -> References:
        """The ``batch`` that step ``step`` sees: one group after the other."""
        batch = min(batch, len(self))
        return self[[(step * batch + i) % len(self) for i in range(batch)]]

    @classmethod
    @torch.no_grad()
    def of_samples(
        cls, g: StyleGAN2, distance: PerceptualDistance, *, above: int, count: int, seed: int
    ) -> References:
        """``count`` samples of ``seed``, as ``g`` draws them."""
        values = g.values_at(sample_z(g, count, seed).to(g.device), above)
        images = g.layer(above).render(values)
        return cls(values, images, distance.prepare(images))

    @torch.no_grad()
    def with_pieces(
        self,
        g: StyleGAN2,
        photograph: Tensor,
        values: ValueState,
        distance: PerceptualDistance,
        *,
        count: int,
        seed: int,
    ) -> References:
        """``count`` pieces of these samples in a photograph (1, 3, R, R) that has ``values``."""
        layer, own = g.layer(values.layer), values.v
        stream = torch.Generator().manual_seed(seed)
        region = _rectangles(count, own.shape[-1], stream).to(own)
        share = FAINTEST + (1 - FAINTEST) * torch.rand(count, 1, 1, 1, generator=stream).to(own)
        from_samples = self.values.v[torch.arange(count) % len(self)]
        pasted = values[[0] * count].replace(own + share * region * (from_samples - own))
        kept = 1 - interpolate(region, size=photograph.shape[-2:], mode="bilinear")
        # the photograph's own features, which w lacks, stay outside the piece
        own_features = photograph - layer.render(values)
        images = torch.cat([layer.render(part) for part in _batches(pasted)]) + kept * own_features
        return References(pasted, images, distance.prepare(images))


def _batches(values: ValueState, size: int = 16) -> list[ValueState]:
    places = list(range(len(values)))
    return [values[places[at : at + size]] for at in range(0, len(places), size)]


def _rectangles(count: int, side: int, stream: torch.Generator) -> Tensor:
    """Masks (count, 1, side, side) of rectangles of random size and place."""
    size = SMALLEST + (LARGEST - SMALLEST) * torch.rand(count, 2, 1, generator=stream)
    start = torch.rand(count, 2, 1, generator=stream) * (1 - size)
    middle = (torch.arange(side) + 0.5) / side
    inside = ((middle >= start) & (middle < start + size)).float()
    return (inside[:, 0, :, None] * inside[:, 1, None, :])[:, None]


def _joined_values(a: ValueState, b: ValueState) -> ValueState:
    def both(x: Tensor | None, y: Tensor | None) -> Tensor | None:
        return None if x is None or y is None else torch.cat([x, y])

    return ValueState(
        torch.cat([a.v, b.v]), a.layer, a.window, both(a.latent, b.latent), both(a.skip, b.skip)
    )


def _joined_prepared(a: PreparedImages, b: PreparedImages) -> PreparedImages:
    return PreparedImages(
        a.size, tuple(torch.cat(pair) for pair in zip(a.maps, b.maps, strict=True))
    )
