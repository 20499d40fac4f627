"""Photographs reproduced by a generator in three stages: best z, best w, adapted weights.

found = reproduce(g, images, distance, settings, above=6, encoder=encoder)
found.pictures["adapted"]                # (B, 3, R, R)
found.photographs[0].image(edit.apply(g))
pixel_error(found.pictures["best_w"], images)       # (B,)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from palimpsest.experiments.photographs.settings import ReproductionSettings
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.photographs.adaptation import adapt
from palimpsest.photographs.files import InvertedPhotograph
from palimpsest.photographs.inversion import LatentEncoder, image_of, invert

STAGES = ("best_z", "best_w", "adapted")


@dataclass(frozen=True)
class Reproductions:
    """B photographs as a generator reproduces them.

    ``pictures``: images (B, 3, R, R) by stage. ``photographs``: each with its latent and change of
    weights. ``seconds``: for one photograph, by stage, without the stages before.
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
    progress: Callable[[str, int, int], None] | None = None,
) -> Reproductions:
    """``images`` (B, 3, R, R) in [-1, 1] found in ``g`` and reproduced by its weights above the
    layer ``above``. Raises as `invert` and `adapt`."""
    clock = _Clock(progress)
    found = invert(g, images, distance, settings.inversion, encoder, clock.watch)
    clock.stop("w")
    changes = adapt(
        g, images, found.latent, distance, settings.adaptation, above=above, progress=progress
    )
    clock.stop("weights")
    latents = found.latent.cpu()
    photographs = [
        InvertedPhotograph(latent, change, g.weights_sha256)
        for latent, change in zip(latents, changes, strict=True)
    ]
    with torch.no_grad():
        pictures = {
            "best_z": image_of(g, found.latent_of_z),
            "best_w": image_of(g, found.latent),
            "adapted": torch.cat([one.image(g) for one in photographs]),
        }
    phases = dict(zip(STAGES, ("z", "w", "weights"), strict=True))
    seconds = {stage: clock.seconds[phase] / len(images) for stage, phase in phases.items()}
    return Reproductions(pictures, photographs, seconds)


def pixel_error(images: Tensor, photographs: Tensor, keep: Tensor | None = None) -> Tensor:
    """Root mean squared difference of pixels, (B,); black to white is 1.

    ``keep`` (H, W) bool: the pixels that count; all if None.
    """
    squares = (images.clamp(-1, 1) - photographs.clamp(-1, 1)).square().mean(1) / 4
    kept = squares.flatten(1) if keep is None else squares[:, keep]
    return kept.mean(1).sqrt()


class _Clock:
    """Wall seconds of each phase, told apart by the names that `invert` reports."""

    def __init__(self, progress: Callable[[str, int, int], None] | None) -> None:
        self.seconds = dict.fromkeys(("z", "w", "weights"), 0.0)
        self._progress = progress
        self._since = time.perf_counter()

    def watch(self, phase: str, step: int, steps: int) -> None:
        """Add the time since the last report to this phase."""
        self.stop(phase)
        if self._progress is not None:
            self._progress(phase, step, steps)

    def stop(self, phase: str) -> None:
        """Add the time since the last report to ``phase``."""
        now = time.perf_counter()
        self.seconds[phase] += now - self._since
        self._since = now
