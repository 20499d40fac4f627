"""Inversion: the z, then the w of each layer, whose image is nearest to a photograph.

    found = invert(g, images, distance, InversionSettings(), encoder)    # images (B, 3, R, R)
    image_of(g, found.latent)                                            # (B, 3, R, R)

Adam on the perceptual distance plus the mean squared difference of pixels, as in Abdal et al.
(ICCV 2019) and Karras et al. (CVPR 2020, appendix D). Losses are summed over photographs and Adam
works on each number by itself, so a photograph's result does not depend on the others, up to
rounding. The noise inputs stay the fixed maps of ``g.noise = "single"`` and are not optimised.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.base import Generator
from palimpsest.generators.samples import sample_z
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.distances.perceptual import PerceptualDistance, PreparedImages
from palimpsest.photographs.settings import InversionSettings

TOGETHER = 64
"""Images that are optimised together; more need more memory and save no time."""

Watch = Callable[[str, int, int], None]
"""Called after each step with the name of the phase, the steps done in it, and all its steps."""


class LatentEncoder(Protocol):
    """An `Encoder`: images (B, 3, R, R) to extended latents (B, rows, style_dim)."""

    def estimate(self, g: StyleGAN2, images: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Inversion:
    """What was found for B photographs.

    ``z`` (B, z_dim); ``latent_of_z`` (B, rows, style_dim), its extended latent; ``latent``
    (B, rows, style_dim), with a w for each layer.
    """

    z: Tensor
    latent_of_z: Tensor
    latent: Tensor


@dataclass(frozen=True)
class LatentStatistics:
    """Mean and standard deviation of w, (style_dim,) each, over a generator's samples."""

    mean: Tensor
    deviation: Tensor


def invert(
    g: Generator,
    images: Tensor,
    distance: PerceptualDistance,
    settings: InversionSettings,
    encoder: LatentEncoder | None = None,
    progress: Watch | None = None,
) -> Inversion:
    """Find z and w for the photographs ``images`` (B, 3, R, R) in [-1, 1].

    Raises `ParameterError` for a generator that is no StyleGAN2, or images of another size.
    """
    g = checked(g, images)
    candidates = sample_z(g, settings.candidates, settings.seed).to(g.device)
    parts = [
        _invert_part(g, part, distance, settings, candidates, encoder, progress)
        for part in images.to(g.device).split(max(1, TOGETHER // settings.starts))
    ]
    return Inversion(
        torch.cat([part.z for part in parts]),
        torch.cat([part.latent_of_z for part in parts]),
        torch.cat([part.latent for part in parts]),
    )


def image_of(g: Generator, latent: Tensor) -> Tensor:
    """The image (B, 3, R, R) of an extended latent (B, rows, style_dim); differentiable."""
    first = g.layer(g.layers[0])
    return first.render(first.values(g.start_from(latent)))


@torch.no_grad()
def reproduction_errors(
    images: Tensor, photographs: Tensor, distance: PerceptualDistance
) -> tuple[Tensor, Tensor]:
    """Perceptual distance (B,) and `pixel_error` (B,)."""
    return distance(images, photographs), pixel_error(images, photographs)


def pixel_error(images: Tensor, photographs: Tensor, keep: Tensor | None = None) -> Tensor:
    """Root mean squared difference of pixels, (B,); black to white is 1.

    ``keep`` (H, W) bool: the pixels that count; all if None.
    """
    squares = (images.clamp(-1, 1) - photographs.clamp(-1, 1)).square().mean(1) / 4
    kept = squares.flatten(1) if keep is None else squares[:, keep]
    return kept.mean(1).sqrt()


def checked(g: Generator, images: Tensor) -> StyleGAN2:
    """``g``, after checking that it can be inverted. Raises `ParameterError` as `invert`."""
    if not isinstance(g, StyleGAN2):
        raise ParameterError(f"photographs need a StyleGAN2; this generator is a {g.kind}")
    if images.ndim != 4 or images.shape[1:] != (3, g.resolution, g.resolution):
        raise ParameterError(
            f"photographs of shape {tuple(images.shape)}; this generator needs "
            f"(B, 3, {g.resolution}, {g.resolution})"
        )
    return g


@torch.no_grad()
def latent_statistics(g: StyleGAN2, z: Tensor) -> LatentStatistics:
    """Mean and deviation of the w of the samples ``z`` (n, z_dim), n at least 2."""
    w = g.latents(z)[:, 0]
    return LatentStatistics(w.mean(0), w.std(0).clamp_min(1e-6))


def reproduction_loss(
    images: Tensor,
    prepared: PreparedImages,
    photographs: Tensor,
    distance: PerceptualDistance,
    pixel_weight: float,
) -> Tensor:
    """Perceptual distance plus ``pixel_weight`` times the mean squared difference, (B,)."""
    pixels = (images - photographs).square().mean((1, 2, 3))
    return distance(images, prepared) + pixel_weight * pixels


def falling(rate: float, step: int, steps: int) -> float:
    """``rate`` at the first step, a tenth of it at the last, along half a cosine."""
    return rate * (0.1 + 0.45 * (1 + math.cos(math.pi * step / max(1, steps - 1))))


def _invert_part(
    g: StyleGAN2,
    photographs: Tensor,
    distance: PerceptualDistance,
    settings: InversionSettings,
    candidates: Tensor,
    encoder: LatentEncoder | None,
    progress: Watch | None,
) -> Inversion:
    statistics = latent_statistics(g, candidates)
    with torch.no_grad():
        prepared = distance.prepare(photographs)
    estimate = None if encoder is None else encoder.estimate(g, photographs)
    starts = _starts(g, candidates, statistics, estimate, settings.starts, len(photographs))
    n, k = starts.shape[:2]
    owner = torch.arange(n, device=g.device).repeat_interleave(k)

    def loss_of(latent: Tensor, owner: Tensor) -> Tensor:
        images = image_of(g, latent)
        return reproduction_loss(
            images, prepared[owner], photographs[owner], distance, settings.pixel_weight
        )

    def loss_of_z(z: Tensor) -> Tensor:
        return loss_of(g.latents(z), owner) + settings.pull * z.square().mean(1)

    z = _descend(
        starts.flatten(0, 1), loss_of_z, settings.z_steps, settings.z_rate, "z", progress
    ).unflatten(0, (n, k))
    with torch.no_grad():
        losses = loss_of(g.latents(z.flatten(0, 1)), owner).unflatten(0, (n, k))
        z = z[torch.arange(n), losses.argmin(1)]
        latent_of_z = g.latents(z).clone()
        start, each = latent_of_z, torch.arange(n, device=g.device)
        if estimate is not None:
            better = loss_of(estimate, each) < loss_of(latent_of_z, each)
            start = torch.where(better[:, None, None], estimate, latent_of_z)

    def loss_of_w(offset: Tensor) -> Tensor:
        latent = statistics.mean + offset * statistics.deviation
        return loss_of(latent, each) + settings.pull * offset.square().mean((1, 2))

    offset = (start - statistics.mean) / statistics.deviation
    offset = _descend(offset, loss_of_w, settings.w_steps, settings.w_rate, "w", progress)
    return Inversion(z, latent_of_z, statistics.mean + offset * statistics.deviation)


@torch.no_grad()
def _starts(
    g: StyleGAN2,
    candidates: Tensor,
    statistics: LatentStatistics,
    estimate: Tensor | None,
    count: int,
    photographs: int,
) -> Tensor:
    """Starts of z, (B, count, z_dim): the nearest to the estimate, or the most central first."""
    w = (g.latents(candidates)[:, 0] - statistics.mean) / statistics.deviation
    if estimate is None:
        central = w.square().sum(1).argmin()[None]
        rest = torch.arange(len(candidates), device=w.device)
        order = torch.cat([central, rest[rest != central]])[:count]
        return candidates[order].expand(photographs, -1, -1)
    target = (estimate.mean(1) - statistics.mean) / statistics.deviation
    nearest = torch.cdist(target, w).topk(min(count, len(w)), largest=False).indices
    return candidates[nearest]


def _descend(
    start: Tensor,
    loss_of: Callable[[Tensor], Tensor],
    steps: int,
    rate: float,
    name: str,
    progress: Watch | None,
) -> Tensor:
    """``start`` after ``steps`` of Adam on the sum of ``loss_of``, one loss for each row."""
    x = start.detach().clone().requires_grad_(True)
    optimizer = torch.optim.Adam([x], lr=rate, betas=(0.9, 0.99))
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = falling(rate, step, steps)
        (x.grad,) = torch.autograd.grad(loss_of(x).sum(), x)
        optimizer.step()
        if progress is not None:
            progress(name, step + 1, steps)
    return x.detach()
