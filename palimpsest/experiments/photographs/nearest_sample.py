"""The start of an inversion without a trained encoder: the w of the most similar sample.

invert(g, images, distance, settings, NearestSample(distance, samples=512, seed=1))
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators import sample_z
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.photographs.encoder import Encoder
from palimpsest.photographs.inversion import LatentEncoder
from palimpsest.photographs.settings import InversionSettings

BATCH = 16


@dataclass(frozen=True)
class NearestSample:
    """Compares photographs with ``samples`` samples of ``seed`` by ``distance`` plus the mean
    squared difference of pixels."""

    distance: PerceptualDistance
    samples: int
    seed: int

    @torch.no_grad()
    def estimate(self, g: StyleGAN2, images: Tensor) -> Tensor:
        """Extended latents (B, rows, style_dim) of the samples nearest to ``images``
        (B, 3, R, R)."""
        prepared = self.distance.prepare(images)
        best = torch.full((len(images),), torch.inf)
        chosen = torch.zeros((len(images), g.z_dim))
        for z in sample_z(g, self.samples, self.seed).split(BATCH):
            made = g(z.to(g.device))
            seen = self.distance.prepare(made)
            for i in range(len(images)):
                same = torch.full((len(z),), i)
                apart = self.distance(seen, prepared[same])
                apart = apart + (made - images[i]).square().mean((1, 2, 3))
                lowest = apart.cpu().argmin()
                if apart[lowest] < best[i]:
                    best[i], chosen[i] = apart[lowest], z[lowest]
        return g.latents(chosen.to(g.device))


def start_of_inversion(
    g: StyleGAN2, distance: PerceptualDistance, settings: InversionSettings, encoder: Path | None
) -> LatentEncoder:
    """The encoder in a file, or `NearestSample` if there is none or it is of another generator."""
    if encoder is not None:
        loaded = Encoder.load(encoder)
        try:
            loaded.check(g)
            return loaded.to(g.device)
        except ParameterError as problem:
            print(f"{encoder}: not used: {problem}", file=sys.stderr)
    return NearestSample(distance, settings.candidates, settings.seed)
