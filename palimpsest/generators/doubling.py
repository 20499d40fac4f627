"""Nearest-neighbour upsampling by two and a 3x3 convolution, as one transposed convolution.

Of the nine upsampled cells under the kernel at most four differ, so this needs four ninths of the
multiplications, and the upsampled map is never materialised.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.generators.map_layout import laid_out


def convolve_doubled(x: Tensor, weight: Tensor) -> Tensor:
    """The zero-padded 3x3 convolution of ``x`` upsampled by two (nearest neighbour).

    (B, N, h, w) and (M, N, 3, 3) to (B, M, 2h, 2w); differentiable in both.
    """
    return convolve_by_kernel(x, doubling_kernel(weight))


def convolve_by_kernel(x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """`convolve_doubled` with a kernel from `doubling_kernel`, plus a ``bias`` (M,)."""
    return F.conv_transpose2d(x, kernel, bias, stride=2, padding=1)


def doubling_kernel(weight: Tensor) -> Tensor:
    """The kernel (N, M, 4, 4) of the transposed convolution, from a ``weight`` (M, N, 3, 3).

    Along an axis, w₀ w₁ w₂ weigh three cells of the upsampled map, two of which are halves of one
    original cell: that cell has weight w₁ + w₂ for its left half and w₀ + w₁ for its right half.
    """
    kernel = weight.transpose(0, 1)
    for axis in (2, 3):
        first, middle, last = kernel.unbind(axis)
        kernel = torch.stack([last, middle + last, first + middle, first], axis)
    return laid_out(kernel)
