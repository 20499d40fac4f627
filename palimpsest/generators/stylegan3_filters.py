"""Low-pass filters of StyleGAN3, and the filtered rectifier (Karras et al., NeurIPS 2021).

A rectifier makes frequencies that its grid cannot hold. So StyleGAN3 upsamples a map, rectifies it
there, and takes the high frequencies out before it samples the result (section 3.2)::

    y = filtered_rectifier(x, resampling)      # (B, C, h, w) to (B, C, H, W)

Filters are windowed sinc filters along both axes, or one radial filter of two axes where the
network must be equivariant to rotation (configuration R). They sum to one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.generators.base import reusable


def low_pass(taps: int, cutoff: float, width: float, rate: float, radial: bool = False) -> Tensor:
    """A Kaiser-windowed low-pass filter (Appendix C.1), float32: (taps,), or (taps, taps) radial.

    ``cutoff``: frequency of half amplitude; ``width``: of the transition band; ``rate``: sampling
    rate that the filter runs at; all in cycles or samples per image.
    """
    at = np.arange(taps) - (taps - 1) / 2
    attenuation = 2.285 * (taps - 1) * math.pi * width / (rate / 2) + 7.95
    window = np.kaiser(taps, kaiser_beta(attenuation))
    if radial:
        from scipy.special import j1  # only new networks need it: a file holds its filters

        distance = np.hypot(*np.meshgrid(at, at)) / rate
        # the jinc function, the two-dimensional counterpart of sinc; its limit is not needed, as
        # the number of taps is even and no tap lies in the middle
        filters = j1(2 * math.pi * cutoff * distance) / (math.pi * distance)
        filters = filters * np.outer(window, window)
    else:
        filters = np.sinc(2 * cutoff / rate * at) * window
    return torch.from_numpy((filters / filters.sum()).astype(np.float32))


def kaiser_beta(attenuation: float) -> float:
    """Kaiser's shape parameter for an ``attenuation`` in decibels."""
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21:
        return 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    return 0.0


BLOCK = 16
"""Cells of the coarser grid in a block of `_in_blocks`."""


@dataclass(frozen=True)
class Resampling:
    """How one layer's filtered rectifier changes the grid.

    ``up`` and ``down``: factors of the rates; ``up_taps`` and ``down_taps``: lengths of the
    filters, 1 without a filter; ``before`` and ``after``: cells of zeros beside the upsampled map,
    negative where cells are cut off.
    """

    up: int
    down: int
    up_taps: int
    down_taps: int
    before: int
    after: int

    @classmethod
    def between(
        cls, size: int, wanted: int, up: int, down: int, up_taps: int, down_taps: int
    ) -> Resampling:
        """The resampling of a map of ``size`` cells to ``wanted`` cells with the same centre."""
        total = (wanted - 1) * down + 1 - size * up + up_taps + down_taps - 2
        before = (total + up) // 2  # centred on samples in the middle of their cells (Appendix C.3)
        return cls(up, down, up_taps, down_taps, before, total - before)


def filtered_rectifier(
    x: Tensor,
    resampling: Resampling,
    up_filter: Tensor | None,
    down_filter: Tensor | None,
    slope: float,
    gain: float,
    clamp: float | None,
) -> Tensor:
    """``x`` (B, C, h, w) upsampled, rectified, scaled, clamped, low-passed and downsampled.

    ``up_filter`` (up_taps,); ``down_filter`` (down_taps,) or (down_taps, down_taps); None: none.
    """
    x = upsampled(x, resampling, up_filter)
    x = F.leaky_relu(x, slope)  # new memory: what came in stays as it is
    x = torch.mul(x, gain, out=reusable(x))
    if clamp is not None:
        x = torch.clamp(x, -clamp, clamp, out=reusable(x))
    return downsampled(x, resampling.down, down_filter)


def upsampled(x: Tensor, resampling: Resampling, taps: Tensor | None) -> Tensor:
    """Maps (B, C, h, w) at ``up`` times their rate, low-passed; a constant stays what it is."""
    up, before, after = resampling.up, resampling.before, resampling.after
    if taps is None:
        return F.pad(x, (before, after, before, after))
    count = len(taps)
    outputs, sources = torch.arange(BLOCK * up), torch.arange(BLOCK + -(-count // up) + 1)
    first = -(before // up)  # of the cells that the first output sees, negative beyond the map
    place = count - 1 - before + outputs - up * (first + sources[:, None])
    matrix = _entries(up * taps, place).to(x.dtype)
    for axis in (3, 2):
        length = x.shape[axis] * up + before + after - count + 1
        x = _in_blocks(x.transpose(3, axis), matrix, first, BLOCK, length).transpose(3, axis)
    return x


def downsampled(x: Tensor, down: int, taps: Tensor | None) -> Tensor:
    """Every ``down``-th cell of the low-passed maps (B, C, h, w), without those at the edge."""
    if taps is None:
        return x[:, :, ::down, ::down]
    if taps.ndim == 2:
        return _radially(x, down, taps)
    count = len(taps)
    sources = torch.arange((BLOCK - 1) * down + count)
    matrix = _entries(taps.flip(0), sources[:, None] - down * torch.arange(BLOCK)).to(x.dtype)
    for axis in (3, 2):
        length = (x.shape[axis] - count) // down + 1
        x = _in_blocks(x.transpose(3, axis), matrix, 0, BLOCK * down, length).transpose(3, axis)
    return x


def _radially(x: Tensor, down: int, taps: Tensor) -> Tensor:
    """`downsampled` with a filter of two axes: a filter along the rows for each of its own rows."""
    count = len(taps)
    high, wide = ((side - count) // down + 1 for side in x.shape[2:])
    sources = torch.arange((BLOCK - 1) * down + count)
    place = sources[:, None] - down * torch.arange(BLOCK)
    total: Tensor | None = None
    for phase in range(down):  # rows of the map that meet every down-th row of the filter
        rows = x[:, :, phase::down]
        for shift, row in enumerate(taps.flip(0, 1)[phase::down]):
            matrix = _entries(row, place).to(x.dtype)
            part = _in_blocks(rows[:, :, shift : shift + high], matrix, 0, BLOCK * down, wide)
            total = part if total is None else torch.add(total, part, out=reusable(total))
    return total


def _entries(taps: Tensor, place: Tensor) -> Tensor:
    """``taps`` at the numbers ``place``, and 0 where there is no such tap."""
    place = place.to(taps.device)
    inside = (place >= 0) & (place < len(taps))
    return torch.where(inside, taps[place.clamp(0, len(taps) - 1)], 0.0)


def _in_blocks(x: Tensor, matrix: Tensor, first: int, step: int, length: int) -> Tensor:
    """``length`` outputs along the last axis, a block at a time: (..., w) to (..., length).

    Block b is ``matrix`` (K, R) on the K cells from ``first + b * step`` on, zeros beyond the map.
    As a product of matrices this is faster than a convolution of single channels.
    """
    window, block = matrix.shape
    blocks = -(-length // block)
    lacking = first + (blocks - 1) * step + window - x.shape[-1]
    windows = F.pad(x, (-first, lacking)).unfold(-1, window, step)  # (..., blocks, K)
    product = windows.reshape(-1, window) @ matrix
    return product.reshape(*x.shape[:-1], blocks * block)[..., :length]
