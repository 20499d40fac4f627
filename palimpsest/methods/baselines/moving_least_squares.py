"""A smooth warp through pairs of points: rigid moving least squares (Schaefer et al. 2006).

    where = deformation_field(source, target, size=(128, 128), spacing=8.6)   # (128, 128, 2)
    moved = rigid_deformation(points, source, target)                         # (V, 2)

At every point v the pairs p_i -> q_i, weighted by 1 / |p_i - v|^(2 alpha), fix one rotation and one
translation (section 2.3 there); nothing is scaled or sheared. With points of the plane as complex
numbers that is one line: f(v) = (v - p*) r + q*, where p* and q* are weighted means and r is the
direction of the weighted sum of conj(p_i - p*) (q_i - q*).

Points are (row, column) in pixels, the middle of the first pixel at (0, 0). All in float64.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

NEAREST = 1e-12
"""Squared distance in pixels at which a pair's weight stops growing, so that f(p_i) = q_i."""
ONE_PLACE = 1e-9
"""Pairs whose spread is below this share of their distance to v define no rotation."""


def rigid_deformation(
    points: Tensor,
    source: Tensor,
    target: Tensor,
    alpha: float = 2.0,
    counts: Tensor | None = None,
) -> Tensor:
    """``points`` (..., V, 2) moved by the warp that takes ``source`` to ``target``, both (..., N,
    2).

    One pair, or several at one place, move everything by their mean offset.

    Args:
        alpha: the larger, the more local the influence of a pair.
        counts: (..., N), further weights of the pairs; 0 leaves a pair out, so that items of a
            batch may have different numbers of pairs. At least one must be above 0.

    Returns:
        (..., V, 2) float64.

    Raises:
        ValueError: no pair, or shapes that do not match.
    """
    _check_pairs(source, target, counts)
    if points.shape[-1:] != (2,):
        raise ValueError(f"points must be (..., V, 2), not {tuple(points.shape)}")
    v, p, q = (_complex(x) for x in (points, source, target))
    v, p, q = v[..., :, None], p[..., None, :], q[..., None, :]  # (..., V, 1), (..., 1, N)
    weights = (p - v).abs().square().clamp(min=NEAREST) ** -alpha  # (..., V, N)
    if counts is not None:
        weights = weights * counts.double()[..., None, :]
    weights = weights / weights.sum(-1, keepdim=True)
    p_mean = (weights * p).sum(-1, keepdim=True)
    q_mean = (weights * q).sum(-1, keepdim=True)
    turn = (weights * (p - p_mean).conj() * (q - q_mean)).sum(-1, keepdim=True).sgn()
    spread = (weights * (p - p_mean).abs().square()).sum(-1, keepdim=True).sqrt()
    undecided = (spread <= ONE_PLACE * (v - p_mean).abs()) | (turn == 0)
    moved = (v - p_mean) * torch.where(undecided, torch.ones_like(turn), turn) + q_mean
    return torch.view_as_real(moved[..., 0])


def deformation_field(
    source: Tensor,
    target: Tensor,
    size: tuple[int, int],
    spacing: float,
    alpha: float = 2.0,
    counts: Tensor | None = None,
) -> Tensor:
    """`rigid_deformation` of every pixel of a ``size`` = (H, W) grid: (..., H, W, 2) float64.

    It is computed at nodes at most ``spacing`` pixels apart and interpolated linearly between
    them, which is exact for rotations and translations. Raises `ValueError` as
    `rigid_deformation` does, and for a spacing that is not positive.
    """
    if not spacing > 0:
        raise ValueError(f"spacing {spacing} pixels; it must be above 0")
    rows, columns = (
        torch.linspace(0, side - 1, max(2, -int(-(side - 1) // spacing) + 1), dtype=torch.float64)
        for side in size
    )
    nodes = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).to(source.device)
    moved = rigid_deformation(nodes.flatten(0, 1), source, target, alpha, counts)
    batch = moved.shape[:-2]
    planes = moved.reshape(-1, len(rows), len(columns), 2).permute(0, 3, 1, 2)
    field = F.interpolate(planes, size, mode="bilinear", align_corners=True)
    return field.permute(0, 2, 3, 1).reshape(*batch, *size, 2)


def _check_pairs(source: Tensor, target: Tensor, counts: Tensor | None) -> None:
    if source.shape != target.shape or source.ndim < 2 or source.shape[-1] != 2:
        raise ValueError(
            f"pairs must be two tensors (..., N, 2), not {tuple(source.shape)} "
            f"and {tuple(target.shape)}"
        )
    if counts is None:
        counts = torch.ones(source.shape[:-1])
    if counts.shape != source.shape[:-1]:
        raise ValueError(f"{tuple(counts.shape)} counts for pairs {tuple(source.shape)}")
    if not ((counts >= 0).all() and (counts.sum(-1) > 0).all()):
        raise ValueError("counts must not be negative, and some pair must count: there is none")


def _complex(points: Tensor) -> Tensor:
    """(..., 2) as complex numbers (...)."""
    return torch.view_as_complex(points.double().contiguous())
