"""The layers after an edit in bfloat16, where speed matters more than the last digits.

    image = draw(layer, values, half=True)      # nearly layer.render(values)

What it gains and what it changes was measured (docs/benchmarks.md). bfloat16 has the range of
float32, so that no map overflows, as some of StyleGAN2's do in float16. It is fast only where the
processor or the GPU calculates in it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from palimpsest.generators.base import Layer, ValueState

DTYPE = torch.bfloat16


def draw(layer: Layer, values: ValueState, half: bool) -> Tensor:
    """Images (B, C, H, W) float32 from the values of ``layer``, as `Layer.render`.

    With ``half`` the convolutions and matrix products of the layers after it run in bfloat16.
    """
    if not half:
        return layer.render(values)
    with torch.autocast(values.v.device.type, DTYPE):
        return layer.render(values).float()
