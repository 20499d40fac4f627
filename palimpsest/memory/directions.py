"""Directions of the key space along which a weight may change, and the cells they match.

`context_directions` is Appendix D: the whitened context keys are reduced to their ``rank`` leading
directions and whitened once more, which for one key is ``d ∝ C⁻¹ k`` (Eq. 10). `mean_direction` and
`singular_directions` are the other forms of the original code; `unit_directions` is Appendix E,
where a direction is one input unit::

    D = context_directions(keys, weights, stats, rank=1)        # (S, N), orthonormal rows

Context keys are given as key maps with one weight for every cell; cells of weight zero are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.memory.statistics import QUANTILE_CELLS, KeyStatistics

KeyMaps = Tensor | Sequence[Tensor]


def context_keys(keys: KeyMaps, weights: KeyMaps) -> tuple[Tensor, Tensor]:
    """Keys (n, N) of positive weight and their weights (n,), float64, on the CPU.

    Args:
        keys: (B, N, h, w), or a list of (N, h, w), (1, N, h, w) or (n, N).
        weights: (B, h, w), or a list of (h, w), (1, h, w) or (n,).

    Raises:
        ParameterError: shapes that do not match, negative or non-finite weights, or no cell of
            positive weight.
    """
    rows, row_weights = [], []
    if len(keys) != len(weights):
        raise ParameterError(f"{len(keys)} context images, but {len(weights)} context masks")
    for number, (k, w) in enumerate(zip(keys, weights, strict=True)):
        if k.ndim == 4:
            k = k.squeeze(0)
        cells = k.flatten(1).T if k.ndim == 3 else k[None] if k.ndim == 1 else k  # (n, N)
        w = torch.as_tensor(w).flatten().to(torch.float64).to(k.device)
        if k.ndim not in (1, 2, 3) or len(w) != len(cells):
            raise ParameterError(
                f"context {number}: {len(w)} weights for keys of shape {tuple(k.shape)}"
            )
        if not torch.isfinite(w).all() or (w < 0).any():
            raise ParameterError(f"context {number}: weights must be finite and not negative")
        # the statistics are on the CPU, and the context has few cells
        rows.append(cells[w > 0].to(torch.float64).cpu())
        row_weights.append(w[w > 0].cpu())
    if not rows or sum(map(len, rows)) == 0:
        raise ParameterError("the context has no cell of positive weight; mark at least one")
    return torch.cat(rows), torch.cat(row_weights)


def context_directions(
    keys: KeyMaps, weights: KeyMaps, stats: KeyStatistics, rank: int = 1
) -> Tensor:
    """Orthonormal directions (S, N) float32 that stand out in the context (Appendix D).

    With Z = C^(-1/2): the rows w · Z k of all context cells are reduced by SVD to their leading
    ``rank`` directions, multiplied by Z again and made orthonormal. The sign of each direction is
    that of its product with the context's weighted sum.

    Raises:
        ParameterError: ``rank`` above the number of independent context keys; see also
            `context_keys`.
    """
    found, weight = context_keys(keys, weights)
    _check_rank(rank, len(found), found.shape[1], stats)
    whitened = weight[:, None] * stats.whiten(found)  # (n, N)
    _, singular, directions = torch.linalg.svd(whitened, full_matrices=False)
    if singular[rank - 1] <= 1e-10 * singular[0]:
        raise ParameterError(
            f"rank {rank} is above the number of independent context keys; mark more of them"
        )
    orthonormal, _ = torch.linalg.qr(stats.zca @ directions[:rank].T)  # (N, S)
    side = torch.sign(whitened.sum(dim=0) @ orthonormal)
    return (orthonormal * torch.where(side == 0, 1.0, side)).T.float().contiguous()


def mean_direction(keys: KeyMaps, weights: KeyMaps, stats: KeyStatistics) -> Tensor:
    """C⁻¹ times the weighted mean key, of unit norm: (1, N) float32 (original's 'mean')."""
    found, weight = context_keys(keys, weights)
    _check_rank(1, len(found), found.shape[1], stats)
    direction = stats.inverse @ (weight @ found)
    return (direction / direction.norm())[None].float()


def singular_directions(
    keys: KeyMaps, weights: KeyMaps, stats: KeyStatistics, rank: int = 1
) -> Tensor:
    """Leading singular directions of the rows C⁻¹ w k: (S, N) float32 (original's 'svd').

    Only the sign of the first is fixed: its product with the context's sum is positive.
    """
    found, weight = context_keys(keys, weights)
    _check_rank(rank, len(found), found.shape[1], stats)
    rows = weight[:, None] * (found @ stats.inverse)
    directions = torch.linalg.svd(rows, full_matrices=False)[2][:rank].clone()
    if rows.sum(dim=0) @ directions[0] < 0:
        directions[0] *= -1
    return directions.float()


def unit_order(
    keys: KeyMaps, weights: KeyMaps, stats: KeyStatistics, rule: str = "energy"
) -> Tensor:
    """Input units ranked by how specific they are to the context, (N,) int64 (Appendix E).

    ``rule``, and what is raised: see `unit_scores`.
    """
    return unit_scores(keys, weights, stats, rule).argsort(descending=True, stable=True)


def unit_scores(
    keys: KeyMaps, weights: KeyMaps, stats: KeyStatistics, rule: str = "energy"
) -> Tensor:
    """How specific each input unit is to the context, (N,) float64, a sum over its cells.

    Args:
        rule: "energy" is k² / E[k²]; "quantile" is -log(1 - q), where q is the key's quantile
            within its unit (as in GAN dissection) and 1 - q is at least the share of one counted
            cell.

    Raises:
        ParameterError: an unknown rule.
    """
    found, weight = context_keys(keys, weights)
    _check_rank(1, len(found), found.shape[1], stats)
    if rule == "energy":
        return (weight @ found.square()) / stats.unit_second_moment
    if rule == "quantile":
        rarity = -torch.log((1 - stats.quantile_of(found)).clamp_min(1 / QUANTILE_CELLS))
        return weight @ rarity
    raise ParameterError(f"unit rule {rule!r} is none of energy, quantile")


def unit_directions(units: Tensor | Sequence[int], size: int) -> Tensor:
    """One-hot directions (S, size) float32 for input ``units``, in their order (Appendix E)."""
    index = torch.as_tensor(units, dtype=torch.long).flatten()
    if (
        len(index) == 0
        or index.min() < 0
        or index.max() >= size
        or len(index.unique()) < len(index)
    ):
        raise ParameterError(f"units {index.tolist()} must be different and within 0..{size - 1}")
    return torch.eye(size)[index]


def query_key(keys: KeyMaps, weights: KeyMaps, stats: KeyStatistics) -> Tensor:
    """The direction to search with: C⁻¹ times the masked mean key, of unit norm, (N,) float32."""
    return mean_direction(keys, weights, stats)[0]


def match_map(keys: Tensor, direction: Tensor) -> Tensor:
    """Match of each cell with ``direction`` (N,), a dot product: (B, N, h, w) to (B, h, w)."""
    return torch.einsum("bnhw,n->bhw", keys, direction.to(keys))


def rank_matches(match_maps: Tensor, count: int) -> Tensor:
    """Numbers of the ``count`` samples with the strongest cell in their match map, best first.

    ``match_maps`` (n, h, w): from `match_map`.
    """
    best = match_maps.flatten(1).amax(dim=1)
    return best.argsort(descending=True, stable=True)[:count]


def _check_rank(rank: int, cells: int, units: int, stats: KeyStatistics) -> None:
    if units != stats.units:
        raise ParameterError(
            f"context keys have {units} units, the statistics {stats.units}: not the same layer"
        )
    if not 1 <= rank <= min(cells, units):
        raise ParameterError(
            f"rank {rank} is not within 1..{min(cells, units)}: the context has {cells} keys "
            f"of {units} units"
        )
