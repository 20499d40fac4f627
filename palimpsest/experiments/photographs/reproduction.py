"""The pictures of reproduced photographs and renders, as the experiments' tables name them.

found = reproduce(g, images, distance, settings, above=6, encoder=encoder)
found.pictures["adapted"]                # (B, 3, R, R)
found.photographs[0].image(edit.apply(g))
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from palimpsest.experiments.photographs.settings import ReproductionSettings
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.photographs import reproduction
from palimpsest.photographs.files import STAGES as STAGES_OF_FILES
from palimpsest.photographs.files import InvertedPhotograph
from palimpsest.photographs.inversion import LatentEncoder, Watch

STAGES = ("best_z", "best_w", "adapted")
"""Names of the pictures after each of `files.STAGES`."""


@dataclass(frozen=True)
class Reproductions:
    """B photographs as a generator reproduces them.

    ``pictures``: images (B, 3, R, R) by name. ``photographs``: each with its latent and change of
    weights. ``seconds``: for one photograph, by name, without the stages before.
    """

    pictures: dict[str, Tensor]
    photographs: list[InvertedPhotograph]
    seconds: dict[str, float]


def reproduce(
    g: StyleGAN2,
    images: Tensor,
    distance: PerceptualDistance,
    settings: ReproductionSettings,
    *,
    above: int,
    encoder: LatentEncoder | None = None,
    progress: Watch | None = None,
) -> Reproductions:
    """``images`` (B, 3, R, R) in [-1, 1] found in ``g`` and reproduced by its weights above the
    layer ``above``. Raises as `reproduction.reproduce`."""
    found = reproduction.reproduce(
        g,
        images,
        distance,
        settings.inversion,
        settings.adaptation,
        above=above,
        encoder=encoder,
        progress=progress,
    )
    names = dict(zip(STAGES, STAGES_OF_FILES, strict=True))
    return Reproductions(
        {name: found.images[stage] for name, stage in names.items()},
        found.photographs,
        {name: found.seconds[stage] for name, stage in names.items()},
    )
