"""Neural Best-Buddies: sparse correspondences between two images (Aberman et al. 2018).

    maps = segmenter.features                           # finest first, as all that follows
    pairs = best_buddies(maps(images), maps(donor), size=(128, 128))
    pairs.image, pairs.a, pairs.b                       # (N,), (N, 2), (N, 2): (row, column)

Two cells are best buddies if each is the other's nearest neighbour by the features of its
surroundings. The search goes from coarse to fine: over the whole coarsest map, then only between
the windows under the pairs of the map before. In each pair of windows the features first get a
common appearance: mean and deviation of each channel become the average of both windows
(section 4.2 there; the statistics are those of an AdaIN layer). Weak pairs are dropped at every
level, and of pairs that lie close together only the strongest is kept.

The features come from any network that gives maps (B, C_i, H / 2^i, W / 2^i). The paper used five
levels of VGG19 trained on photographs; at mini scale the encoder of a world's segmenter takes its
place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.cluster.hierarchy import fcluster, linkage
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.methods.baselines.best_buddies_settings import MatchingSettings


@dataclass(frozen=True)
class Pairs:
    """N pairs of cells or points: ``a`` (N, 2) in item ``image`` (N,) of a batch, ``b`` (N, 2).

    Cells are int64, points float64 in pixels, both (row, column). ``rank`` (N,): the strength of
    both ends' features, 0 to 1, summed over the maps so far; ``similarity`` (N,): -1 to 1.
    No cell of an image is in two pairs.
    """

    image: Tensor
    a: Tensor
    b: Tensor
    rank: Tensor
    similarity: Tensor

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, rows: Tensor) -> Pairs:
        return Pairs(
            self.image[rows], self.a[rows], self.b[rows], self.rank[rows], self.similarity[rows]
        )


@dataclass(frozen=True)
class _Windows:
    """N pairs of equal windows: corners ``a``, ``b`` (N, 2) int64, which may lie off the map."""

    image: Tensor
    a: Tensor
    b: Tensor
    height: int
    width: int
    rank: Tensor


@torch.no_grad()
def best_buddies(
    maps_a: Sequence[Tensor],
    maps_b: Sequence[Tensor],
    size: tuple[int, int],
    settings: MatchingSettings | None = None,
) -> Pairs:
    """Pairs of points between images and a donor, at the first map's precision.

    Args:
        maps_a: features of images (B, C_i, h_i, w_i), finest first, each map half the one before.
        maps_b: of the donor, (1, C_i, h_i, w_i), or of a donor for each image.
        size: (H, W) of the images in pixels.

    Returns:
        Points in pixels, image by image; none for images in which nothing matches. The pairs of an
        image do not depend on the other images of its batch.

    Raises:
        ParameterError: fewer maps than there are patch sizes.
        ValueError: maps that do not match, or do not halve.
    """
    settings = settings or MatchingSettings()
    levels = len(settings.patches)
    _check_maps(maps_a, maps_b, levels)
    batch = len(maps_a[0])
    pairs: Pairs | None = None
    for level in reversed(range(levels)):
        a, b = maps_a[level].float(), maps_b[level].float().expand(batch, -1, -1, -1)
        if pairs is None:
            windows, apart = _whole_maps(a), settings.radii[level]
        else:
            windows, apart = _windows_under(pairs, settings.radii[level]), None
        pairs = _buddies_in(windows, a, b, settings.patches[level], apart)
        pairs = _without_rivals(_strong_enough(pairs, a, b, settings.activation))
        pairs = _spread_out(pairs, settings.per_level)
    strides = torch.tensor(
        [side / cells for side, cells in zip(size, maps_a[0].shape[2:], strict=True)],
        dtype=torch.float64,
        device=pairs.a.device,
    )
    points = Pairs(
        pairs.image,
        (pairs.a + 0.5) * strides - 0.5,
        (pairs.b + 0.5) * strides - 0.5,
        pairs.rank,
        pairs.similarity,
    )
    return points[
        _inside(points.a, size, settings.border) & _inside(points.b, size, settings.border)
    ]


def mutual_nearest(similarity: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Indices n, p, q of the entries of ``similarity`` (N, P, Q) that are mutually largest.

    Such an entry is the largest of its row and of its column, the first of equal ones; -inf never
    counts.
    """
    nearest_q, nearest_p = similarity.argmax(2), similarity.argmax(1)  # (N, P), (N, Q)
    back = nearest_p.gather(1, nearest_q)  # (N, P)
    best = similarity.gather(2, nearest_q[:, :, None])[:, :, 0]
    own = torch.arange(similarity.shape[1], device=similarity.device)
    n, p = ((back == own) & best.isfinite()).nonzero(as_tuple=True)
    return n, p, nearest_q[n, p]


def common_appearance(a: Tensor, b: Tensor, in_a: Tensor, in_b: Tensor) -> tuple[Tensor, Tensor]:
    """Windows of features (N, h, w, C), both with the average of their means and deviations.

    Channel by channel. Only cells where ``in_a``, ``in_b`` (N, h, w) are true enter a window's
    statistics; the others are padding.
    """
    (mean_a, deviation_a), (mean_b, deviation_b) = _statistics(a, in_a), _statistics(b, in_b)
    mean, deviation = (mean_a + mean_b) / 2, (deviation_a + deviation_b) / 2
    return (
        (a - mean_a) / deviation_a * deviation + mean,
        (b - mean_b) / deviation_b * deviation + mean,
    )


def activation(features: Tensor) -> Tensor:
    """Squared length of features (B, C, h, w), scaled to 0 to 1 in each image: (B, h, w).

    0 everywhere in an image whose cells are all alike.
    """
    length = features.square().sum(1)
    low, high = length.amin((1, 2), keepdim=True), length.amax((1, 2), keepdim=True)
    return (length - low) / (high - low).clamp(min=1e-12)


def _statistics(windows: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation (N, 1, 1, C) over the cells that are inside."""
    share = inside / inside.sum((1, 2), keepdim=True).clamp(min=1)
    share = share[..., None].to(windows)
    mean = (windows * share).sum((1, 2), keepdim=True)
    variance = ((windows - mean).square() * share).sum((1, 2), keepdim=True)
    return mean, (variance + 1e-8).sqrt()


def _whole_maps(features: Tensor) -> _Windows:
    batch, _, height, width = features.shape
    corner = torch.zeros(batch, 2, dtype=torch.int64, device=features.device)
    image = torch.arange(batch, device=features.device)
    return _Windows(image, corner, corner, height, width, torch.zeros_like(image).float())


def _windows_under(pairs: Pairs, radius: int) -> _Windows:
    """The four cells that each cell of a pair is made of, and ``radius`` cells around them."""
    side = 2 * radius + 2
    return _Windows(pairs.image, 2 * pairs.a - radius, 2 * pairs.b - radius, side, side, pairs.rank)


def _buddies_in(windows: _Windows, a: Tensor, b: Tensor, patch: int, apart: int | None) -> Pairs:
    """Mutual nearest neighbours between each pair of windows."""
    if not len(windows.image):
        none = torch.zeros(0, 2, dtype=torch.int64, device=a.device)
        return Pairs(windows.image, none, none, windows.rank, windows.rank)
    cut_a, in_a = _cut(a, windows.image, windows.a, windows.height, windows.width, patch // 2)
    cut_b, in_b = _cut(b, windows.image, windows.b, windows.height, windows.width, patch // 2)
    cut_a, cut_b = common_appearance(cut_a, cut_b, in_a, in_b)
    similarity = _patches(cut_a, patch).transpose(1, 2) @ _patches(cut_b, patch) / patch**2
    at_a = _cells(windows.a, windows.height, windows.width)  # (N, P, 2)
    at_b = _cells(windows.b, windows.height, windows.width)
    on_a, on_b = _on_map(at_a, a), _on_map(at_b, b)
    allowed = on_a[:, :, None] & on_b[:, None, :]
    if apart is not None:
        allowed &= (at_a[:, :, None] - at_b[:, None, :]).abs().amax(-1) <= apart
    n, p, q = mutual_nearest(similarity.masked_fill(~allowed, -torch.inf))
    return Pairs(windows.image[n], at_a[n, p], at_b[n, q], windows.rank[n], similarity[n, p, q])


def _cut(
    features: Tensor, image: Tensor, corner: Tensor, height: int, width: int, rim: int
) -> tuple[Tensor, Tensor]:
    """Windows with ``rim`` more cells around them, and which of these cells are the window's own.

    (N, height + 2 rim, width + 2 rim, C) and (N, ..., ...) bool; the map is mirrored at its edges.
    """
    at, own = [], []
    for axis, length in enumerate((height, width)):
        side = features.shape[2 + axis]
        step = torch.arange(-rim, length + rim, device=corner.device)
        place = corner[:, axis, None] + step
        at.append(_mirror(place, side))
        own.append((step >= 0) & (step < length) & (place >= 0) & (place < side))
    laid_out = features.permute(0, 2, 3, 1)
    cut = laid_out[image[:, None, None], at[0][:, :, None], at[1][:, None, :]]
    return cut, own[0][:, :, None] & own[1][:, None, :]


def _mirror(at: Tensor, side: int) -> Tensor:
    at = at.abs()
    return torch.where(at >= side, 2 * (side - 1) - at, at).clamp(0, side - 1)


def _patches(windows: Tensor, patch: int) -> Tensor:
    """The patch around each cell, every feature vector scaled to length 1: (N, C · patch², P)."""
    unit = F.normalize(windows, dim=-1, eps=1e-8)
    return F.unfold(unit.permute(0, 3, 1, 2), patch)


def _cells(corner: Tensor, height: int, width: int) -> Tensor:
    """(row, column) of the P = height · width cells of windows: (N, P, 2)."""
    rows = torch.arange(height, device=corner.device)
    columns = torch.arange(width, device=corner.device)
    return corner[:, None, :] + torch.cartesian_prod(rows, columns)


def _on_map(cells: Tensor, features: Tensor) -> Tensor:
    limits = torch.tensor(features.shape[2:], device=cells.device)
    return ((cells >= 0) & (cells < limits)).all(-1)


def _strong_enough(pairs: Pairs, a: Tensor, b: Tensor, least: float) -> Pairs:
    """Pairs whose cells both have at least that activation; its mean is added to their rank."""
    of_a = activation(a)[pairs.image, pairs.a[:, 0], pairs.a[:, 1]]
    of_b = activation(b)[pairs.image, pairs.b[:, 0], pairs.b[:, 1]]
    ranked = Pairs(pairs.image, pairs.a, pairs.b, pairs.rank + (of_a + of_b) / 2, pairs.similarity)
    # an image of one colour has activation 0 everywhere and matches nothing
    return ranked[(of_a >= least) & (of_b >= least) & (of_a + of_b > 0)]


def _without_rivals(pairs: Pairs) -> Pairs:
    """Pairs that share no cell with a more similar pair (from an overlapping window)."""
    order = torch.sort(pairs.similarity, descending=True, stable=True).indices
    taken: set[tuple[int, ...]] = set()
    kept = []
    image, a, b = pairs.image.tolist(), pairs.a.tolist(), pairs.b.tolist()
    for row in order.tolist():
        ends = {(image[row], 0, *a[row]), (image[row], 1, *b[row])}
        if not ends & taken:
            taken |= ends
            kept.append(row)
    return pairs[torch.tensor(sorted(kept), dtype=torch.int64, device=pairs.image.device)]


def _spread_out(pairs: Pairs, most: int) -> Pairs:
    """At most ``most`` pairs an image: of each cluster of the points (a, b) in R^4 the strongest.

    The original clusters by k-means from random starts. Ward's method reduces the same variance
    without a random start, so that the result does not depend on the other images of the batch.
    """
    points = torch.cat([pairs.a, pairs.b], 1).double().cpu().numpy()
    images, rank = pairs.image.cpu().numpy(), pairs.rank.double().cpu().numpy()
    kept: list[int] = []
    for image in np.unique(images):
        rows = np.flatnonzero(images == image)
        if len(rows) > most:
            clusters = fcluster(linkage(points[rows], "ward"), most, "maxclust")
            strongest_first = rows[np.argsort(-rank[rows], kind="stable")]
            label = dict(zip(rows, clusters, strict=True))
            best = {label[row]: row for row in reversed(strongest_first)}
            rows = np.sort(np.array(list(best.values())))
        kept.extend(rows)
    return pairs[torch.tensor(kept, dtype=torch.int64, device=pairs.image.device)]


def _inside(points: Tensor, size: tuple[int, int], border: float) -> Tensor:
    sides = torch.tensor(size, dtype=points.dtype, device=points.device)
    return ((points >= border * sides) & (points <= (1 - border) * sides)).all(-1)


def _check_maps(maps_a: Sequence[Tensor], maps_b: Sequence[Tensor], levels: int) -> None:
    if min(len(maps_a), len(maps_b)) < levels:
        raise ParameterError(
            f"patches for {levels} maps, and the features have {min(len(maps_a), len(maps_b))}; "
            "give fewer patches and radii"
        )
    for i, (a, b) in enumerate(zip(maps_a[:levels], maps_b[:levels], strict=True)):
        if a.ndim != 4 or a.shape[1:] != b.shape[1:] or len(b) not in (1, len(a)):
            raise ValueError(f"maps {i}: {tuple(a.shape)} and {tuple(b.shape)} do not match")
        finer = maps_a[max(i - 1, 0)].shape[2:]
        if i and tuple(finer) != tuple(2 * side for side in a.shape[2:]):
            raise ValueError(f"map {i} has {tuple(a.shape[2:])} cells, not half of {tuple(finer)}")
