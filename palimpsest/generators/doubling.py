"""Nearest-neighbour doubling and the 3x3 convolution after it, as one transposed convolution.

Of the nine cells under the kernel at most four differ, so it takes four ninths of the
multiplications, and the doubled map is never made.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.generators.map_layout import fast_layout


def convolve_doubled(x: Tensor, weight: Tensor) -> Tensor:
    """What a 3x3 convolution with zeros around makes of ``x``, every cell of which is doubled.

    (B, N, h, w) and (M, N, 3, 3) to (B, M, 2h, 2w); differentiable in both.
    """
    return convolve_by_kernel(x, doubling_kernel(weight))


def convolve_by_kernel(x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """The same by a kernel that `doubling_kernel` made, plus a ``bias`` (M,)."""
    return F.conv_transpose2d(x, kernel, bias, stride=2, padding=1)


def doubling_kernel(weight: Tensor) -> Tensor:
    """The kernel (N, M, 4, 4) of the transposed convolution, from a ``weight`` (M, N, 3, 3).

    Along an axis, a cell of the doubled map reads its neighbours by w₀ w₁ w₂, two of which are one
    cell of the map that was doubled: the left half of a cell w₁ + w₂ of it, the right half w₀ + w₁.
    """
    kernel = weight.transpose(0, 1)
    for axis in (2, 3):
        first, middle, last = kernel.unbind(axis)
        kernel = torch.stack([last, middle + last, first + middle, first], axis)
    return kernel.contiguous(memory_format=fast_layout(weight.device))
