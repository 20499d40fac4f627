"""Noise maps of a StyleGAN2 layer: fixed, the checkpoint's own, fresh, or none."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from palimpsest.generators.base import Window

NOISE_MODES = ("single", "original", "buffers", "none", "random")


def layer_noise(
    mode: str,
    batch: int,
    shape: tuple[int, int],
    window: Window,
    buffer: Tensor | None,
    device: torch.device | str = "cpu",
) -> Tensor | None:
    """Noise map of a layer for the cells of ``window`` on a value map of ``shape`` (rows, columns).

    ``single``: the original's batch-of-one noise, the same for each sample, (1, 1, h, w).
    ``buffers``: the checkpoint's own map. ``none``: no noise. ``random``: fresh for each sample.
    ``original``: as the original code draws it, ``RandomState(0)`` over (batch, h*w), so it depends
    on the place in the batch, and a crop does not keep the noise of its place.
    All but ``buffers`` are drawn on the CPU, so that every ``device`` gets the same numbers. Raises
    `ValueError` for an unknown mode, or for ``buffers`` if the checkpoint holds none.
    """
    top, left, bottom, right = window
    h, w = bottom - top, right - left
    if mode == "none":
        return None
    if mode == "single":
        return _standard_noise(*shape, device)[:, :, top:bottom, left:right]
    if mode == "original":
        drawn = np.random.RandomState(0).standard_normal((batch, h * w)).astype(np.float32)
        return torch.from_numpy(drawn).reshape(batch, 1, h, w).to(device)
    if mode == "random":
        return torch.randn(batch, 1, h, w).to(device)
    if mode == "buffers":
        if buffer is None:
            raise ValueError("noise='buffers' needs noise maps, and the checkpoint holds none")
        return buffer[:, :, top:bottom, left:right]
    raise ValueError(f"unknown noise mode {mode!r}; the modes are {', '.join(NOISE_MODES)}")


@lru_cache(maxsize=64)
def _standard_noise(height: int, width: int, device: torch.device | str) -> Tensor:
    noise = np.random.RandomState(0).standard_normal(height * width)
    with torch.inference_mode(False):  # it is cached, and a later caller may need gradients
        return torch.from_numpy(noise.astype(np.float32)).reshape(1, 1, height, width).to(device)
