"""Memory layout of feature maps (B, C, h, w); it changes numbers by rounding only.

network.to(memory_format=fast_layout(device))
network(laid_out(images))
"""

from __future__ import annotations

import torch
from torch import Tensor


def fast_layout(device: torch.device) -> torch.memory_format:
    """The layout in which float32 convolutions are fast on ``device``.

    On a CPU this is channels-last. On a GPU channels-last makes the channel-by-channel convolutions
    of blurs three times slower (docs/benchmarks.md).
    """
    return torch.contiguous_format if device.type == "cuda" else torch.channels_last


def laid_out(x: Tensor) -> Tensor:
    """The same tensor (B, C, h, w) in the memory layout that is fast on its device.

    The result of an operation takes the layout of its operands.
    """
    return x.contiguous(memory_format=fast_layout(x.device))


def outer_sum(by_channel: Tensor, by_cell: Tensor) -> Tensor:
    """The sum of (C,) and (B, 1, h, w), (B, C, h, w), laid out as `laid_out` would.

    It is written in that layout at once: sums of operands that do not tell one are contiguous.
    """
    if fast_layout(by_cell.device) is torch.contiguous_format:
        return by_channel[:, None, None] + by_cell
    return (by_channel + by_cell.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
