"""A window of a layer's keys drawn alone, by any network, and the part of the picture it shows.

    window = (2, 3, 7, 8)                        # cells of the picture: top, left, bottom, right
    image = drawn_alone(layer, layer.keys(z), window)     # (B, C, h, w)
    top, left, bottom, right = pixels_of(layer, window)   # image has this size

Networks whose maps can be cropped draw the window and nothing else. Those that draw whole maps
only, StyleGAN3 and wrapped networks, draw it among keys of zero, and the picture is cut: there a
convolution also sees zeros around the window, but later layers draw what zeros give.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from palimpsest.generators.base import KeyState, Layer, Window


def picture_cells(layer: Layer) -> tuple[int, int]:
    """Rows and columns of the key map that lie in the picture, without the margin."""
    rows, columns = layer.key_shape
    return rows - 2 * layer.margin, columns - 2 * layer.margin


def pixels_of(layer: Layer, window: Window) -> Window:
    """The pixels that a window of the picture's key cells shows.

    Windows of one size have pictures of one size, also where a cell is no whole number of pixels.
    """
    edges = []
    for first, last, cells, pixels in zip(
        window[:2], window[2:], picture_cells(layer), layer.generator.image_size, strict=True
    ):
        length = max(1, round((last - first) * pixels / cells))
        start = min(round(first * pixels / cells), pixels - length)
        edges.append((start, start + length))
    (top, bottom), (left, right) = edges
    return top, left, bottom, right


def only_window(layer: Layer, state: KeyState, window: Window) -> KeyState:
    """The keys of a window of the whole key map ``state`` without other keys: cropped or, where
    only whole maps can be drawn, among zeros.

    ``window``: cells of the picture, half-open, as in `pixels_of`.
    """
    t, x, b, r = (edge + layer.margin for edge in window)
    if layer.renders_crops:
        return state.crop(t, x, b, r)
    alone = torch.zeros_like(state.k)
    alone[:, :, t:b, x:r] = state.k[:, :, t:b, x:r]
    return replace(state, k=alone)


def drawn_alone(layer: Layer, state: KeyState, window: Window) -> Tensor:
    """The picture (B, C, h, w) of a window of keys without other keys, as `only_window`."""
    made = layer.render(layer.values(only_window(layer, state, window)))
    if layer.renders_crops:
        return made
    top, left, bottom, right = pixels_of(layer, window)
    return made[:, :, top:bottom, left:right]
