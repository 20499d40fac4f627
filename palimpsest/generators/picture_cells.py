"""Cells of a layer's map and cells of the picture: StyleGAN3's maps reach beyond its edge.

seen = within_picture(keys.k, layer.margin)          # (B, N, h, w) without the margin
area = around_picture(painted, layer.margin)         # a mask of the picture's cells, for all cells
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def within_picture(maps: Tensor, margin: int) -> Tensor:
    """The cells (..., h, w) of ``maps`` in the picture: without ``margin`` on each side."""
    if margin == 0:
        return maps
    return maps[..., margin:-margin, margin:-margin]


def around_picture(area: Tensor, margin: int) -> Tensor:
    """``area`` (..., h, w) with ``margin`` cells of zeros on each side."""
    return area if margin == 0 else F.pad(area, [margin] * 4)
