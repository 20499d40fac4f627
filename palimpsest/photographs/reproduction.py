"""All stages for some photographs: inverted, adapted, and their errors written down.

photographs = reproduce(g, [pixels], distance, encoder=encoder, above=6)
photographs[0].errors["weights"].perceptual
photographs[0].save("me.safetensors")
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from palimpsest.generators.base import Generator
from palimpsest.generators.pictures import as_picture
from palimpsest.generators.samples import sample_z
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.photographs.adaptation import adapt
from palimpsest.photographs.encoder import Encoder
from palimpsest.photographs.files import STAGES, Error, InvertedPhotograph, pixels_sha256
from palimpsest.photographs.inversion import Watch, image_of, invert, reproduction_errors
from palimpsest.photographs.reading import as_images
from palimpsest.photographs.settings import AdaptationSettings, InversionSettings

GREY = 0.05
"""Largest mean difference between the channels of a grey generator's samples; images span 2."""

LUMINANCE = (0.299, 0.587, 0.114)


def reproduce(
    g: Generator,
    pictures: Sequence[np.ndarray],
    distance: PerceptualDistance,
    inversion: InversionSettings,
    adaptation: AdaptationSettings,
    *,
    above: int,
    encoder: Encoder | None = None,
    progress: Watch | None = None,
) -> list[InvertedPhotograph]:
    """Invert and adapt ``pictures``, uint8 (R, R, 3), all together.

    ``above``: weights of later layers are adapted, so edits up to this layer fit. Raises
    `ParameterError` as `invert` and `adapt`, and for an encoder of another generator.
    """
    began = time.perf_counter()
    images = as_images(pictures).to(g.device)
    found = invert(g, images, distance, inversion, encoder, progress)
    changes = adapt(g, images, found.latent, distance, adaptation, above=above, progress=progress)
    seconds = (time.perf_counter() - began) / len(images)
    shared = request(distance, inversion, adaptation, encoder) | {
        "noise": g.noise,
        "seconds": round(seconds, 2),
    }
    photographs = [
        InvertedPhotograph(
            latent.cpu(),
            change,
            g.weights_sha256,
            {"pixels_sha256": pixels_sha256(picture), **shared},
        )
        for latent, change, picture in zip(found.latent, changes, pictures, strict=True)
    ]
    made = [image_of(g, latent) for latent in (found.latent_of_z, found.latent)]
    made.append(torch.cat([photograph.image(g) for photograph in photographs]))
    measured = [reproduction_errors(stage, images, distance) for stage in made]
    return [
        photograph.with_errors(
            {
                name: Error(round(float(perceptual[i]), 5), round(float(pixel[i]), 5))
                for name, (perceptual, pixel) in zip(STAGES, measured, strict=True)
            }
        )
        for i, photograph in enumerate(photographs)
    ]


def request(
    distance: PerceptualDistance,
    inversion: InversionSettings,
    adaptation: AdaptationSettings,
    encoder: Encoder | None,
) -> dict[str, object]:
    """What a reproduction depends on besides the generator and the photograph, as JSON values."""
    return {
        "distance": distance.name,
        "inversion": inversion.model_dump(mode="json"),
        "adaptation": adaptation.model_dump(mode="json"),
        "encoder": None if encoder is None else encoder.identity,
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
