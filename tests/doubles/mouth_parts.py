"""Pictures of faces made here, and a segmenter that knows where their mouths are.

The mouth is a fixed region; a face smiles if it is bright there. As with `PhotographParts`, the
whole region is labelled by what the whole image shows.
"""

from __future__ import annotations

import numpy as np
import torch

from palimpsest.drawing.survey import Survey
from tests.doubles.plain_segmenter import PlainSegmenter

SIDE = 64
MOUTH = (slice(40, 54), slice(20, 44))
"""Rows and columns of the mouth in pictures of 64 pixels."""


class MouthParts(PlainSegmenter):
    """Labels "face" everywhere but in the mouth, which is "smile" where it is bright."""

    name = "mouth-parts"
    classes = ("face", "mouth", "smile")

    def labels(self, images):
        smiles = (self.probabilities(images)["smile"] >= 0.5).long()
        labels = torch.zeros(len(images), *images.shape[2:], dtype=torch.int64)
        labels[(slice(None), *MOUTH)] = (1 + smiles)[:, None, None]
        return labels

    def probabilities(self, images):
        return {"smile": (images[(slice(None), slice(None), *MOUTH)].mean((1, 2, 3)) + 1) / 2}


def surveyed_faces(n: int, cells: int = 16) -> Survey:
    """Survey of n faces of random brightness, of which about a quarter smile more or less."""
    random = np.random.default_rng(5)
    skin = random.uniform(60, 200, n)
    images = np.repeat(skin[:, None, None], SIDE, 1).repeat(SIDE, 2)
    images += random.normal(0, 4, (n, SIDE, SIDE))
    smiling = random.random(n) < 0.25
    mouths = np.where(smiling, random.uniform(140, 250, n), random.uniform(5, 115, n))
    images[(slice(None), *MOUTH)] = mouths[:, None, None]
    pixels = np.clip(images, 0, 255).round().astype(np.uint8)
    pictures = np.repeat(pixels[..., None], 3, 3)
    seen = torch.from_numpy(pictures).permute(0, 3, 1, 2) / 127.5 - 1
    parts = MouthParts()
    return Survey(
        pictures,
        parts.labels(seen).numpy().astype(np.int16),
        parts.classes,
        cells,
        {name: found.numpy() for name, found in parts.probabilities(seen).items()},
    )
