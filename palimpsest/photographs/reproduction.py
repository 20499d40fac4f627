"""Photographs reproduced by a generator in three stages: best z, best w, adapted weights.

found = reproduce(g, images, distance, inversion, adaptation, encoder=encoder, above=6)
found.images["weights"]                  # (B, 3, R, R)
found.photographs[0].image(edit.apply(g))
found.photographs[0].errors["weights"].perceptual
found.photographs[0].save("me.safetensors")
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from palimpsest.generators.base import Generator
from palimpsest.generators.identity import made_on
from palimpsest.generators.pictures import as_picture
from palimpsest.generators.samples import sample_z
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.photographs.adaptation import adapt
from palimpsest.photographs.encoder import Encoder
from palimpsest.photographs.files import STAGES, Error, InvertedPhotograph, pixels_sha256
from palimpsest.photographs.inversion import (
    LatentEncoder,
    Watch,
    image_of,
    invert,
    reproduction_errors,
)
from palimpsest.photographs.settings import AdaptationSettings, InversionSettings

GREY = 0.05
"""Largest mean difference between the channels of a grey generator's samples; images span 2."""

LUMINANCE = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Reproductions:
    """B photographs as a generator reproduces them.

    ``images``: (B, 3, R, R) by stage (`files.STAGES`). ``photographs``: each with its latent,
    change of weights and errors. ``seconds``: for one photograph, by stage, without the stages
    before.
    """

    images: Mapping[str, Tensor]
    photographs: list[InvertedPhotograph]
    seconds: Mapping[str, float]


def reproduce(
    g: Generator,
    images: Tensor,
    distance: PerceptualDistance,
    inversion: InversionSettings,
    adaptation: AdaptationSettings,
    *,
    above: int,
    encoder: LatentEncoder | None = None,
    progress: Watch | None = None,
) -> Reproductions:
    """Invert and adapt the photographs ``images`` (B, 3, R, R) in [-1, 1], all together.

    ``above``: weights of later layers are adapted, so edits up to this layer fit. Raises
    `ParameterError` as `invert` and `adapt`, and for an encoder of another generator.
    """
    images = images.to(g.device)
    clock = _Clock(progress)
    found = invert(g, images, distance, inversion, encoder, clock.watch)
    clock.stop("w")
    changes = adapt(
        g, images, found.latent, distance, adaptation, above=above, progress=clock.watch
    )
    clock.stop("weights")
    seconds = {stage: spent / len(images) for stage, spent in clock.seconds.items()}
    shared = request(distance, inversion, adaptation, encoder) | {
        "noise": g.noise,
        "seconds": round(sum(seconds.values()), 2),
    }
    photographs = [
        InvertedPhotograph(
            latent.cpu(),
            change,
            g.weights_sha256,
            {"pixels_sha256": pixels_sha256(pixels), **made_on(g), **shared},
        )
        for latent, change, pixels in zip(found.latent, changes, as_picture(images), strict=True)
    ]
    with torch.no_grad():
        adapted = torch.cat([one.image(g) for one in photographs])
        made = {
            "z": image_of(g, found.latent_of_z),
            "w": image_of(g, found.latent),
            "weights": adapted,
        }
    measured = {stage: reproduction_errors(made[stage], images, distance) for stage in STAGES}
    with_errors = [
        photograph.with_errors(
            {
                stage: Error(*(round(float(error[i]), 5) for error in errors))
                for stage, errors in measured.items()
            }
        )
        for i, photograph in enumerate(photographs)
    ]
    return Reproductions(made, with_errors, seconds)


def request(
    distance: PerceptualDistance,
    inversion: InversionSettings,
    adaptation: AdaptationSettings,
    encoder: LatentEncoder | None,
) -> dict[str, object]:
    """What a reproduction depends on besides the generator and the photograph, as JSON values.

    ``encoder``: the identity of an `Encoder`, the kind of another start, or None.
    """
    name = encoder.identity if isinstance(encoder, Encoder) else type(encoder).__name__
    return {
        "distance": distance.name,
        "inversion": inversion.model_dump(mode="json"),
        "adaptation": adaptation.model_dump(mode="json"),
        "encoder": None if encoder is None else name,
    }


@torch.no_grad()
def is_grey(g: Generator) -> bool:
    """Whether the generator's samples are grey: their channels are nearly equal."""
    images = g(sample_z(g, 8, seed=1).to(g.device)).clamp(-1, 1)
    return bool((images - images.mean(1, keepdim=True)).abs().mean() < GREY)


def as_grey(pixels: np.ndarray) -> np.ndarray:
    """The luminance of uint8 (..., 3) in each channel."""
    grey = pixels.astype(np.float64) @ np.array(LUMINANCE)
    return np.repeat(grey.round().astype(np.uint8)[..., None], 3, axis=-1)


def picture_of(images: Tensor, grey: bool) -> np.ndarray:
    """The first of ``images`` (B, 3, R, R) as uint8 (R, R, 3); without its slight colour if
    ``grey``."""
    pixels = as_picture(images[:1])[0]
    return as_grey(pixels) if grey else pixels


class _Clock:
    """Wall seconds of each stage, told apart by the names that `invert` and `adapt` report."""

    def __init__(self, progress: Watch | None) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._progress = progress
        self._since = time.perf_counter()

    def watch(self, stage: str, step: int, steps: int) -> None:
        """Add the time since the last report to this stage."""
        self.stop(stage)
        if self._progress is not None:
            self._progress(stage, step, steps)

    def stop(self, stage: str) -> None:
        """Add the time since the last report to ``stage``."""
        now = time.perf_counter()
        self.seconds[stage] += now - self._since
        self._since = now
