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
