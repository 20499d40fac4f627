"""Conversion between network images (B, 3, H, W) in [-1, 1] and uint8 pictures (B, H, W, 3).

Grey images (B, 1, H, W), and images with opacity (B, 4, H, W), become pictures in colour too.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def as_input(pictures: np.ndarray) -> Tensor:
    """uint8 (B, H, W, 3) to float32 (B, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def as_picture(images: Tensor) -> np.ndarray:
    """(B, 1, 3 or 4, H, W), clipped to [-1, 1], to uint8 (B, H, W, 3)."""
    scaled = ((in_colour(images.clamp(-1, 1)) + 1) * 127.5).round().to(torch.uint8)
    return scaled.permute(0, 2, 3, 1).cpu().numpy()


def in_colour(images: Tensor) -> Tensor:
    """Images of one, three or four channels as (B, 3, H, W); those of three as they are.

    Grey is repeated. Opacity, -1 for none and 1 for full, is laid over white. Raises `ValueError`
    for another number of channels.
    """
    channels = images.shape[1]
    if channels == 3:
        return images
    if channels == 1:
        return images.expand(-1, 3, -1, -1)
    if channels == 4:
        opacity = (images[:, 3:] + 1) / 2
        return opacity * images[:, :3] + (1 - opacity)
    raise ValueError(f"images of {channels} channels; 1, 3 and 4 are known")


def check_images(images: Tensor) -> None:
    """Raises `ValueError` unless ``images`` are floats of shape (B, 3, H, W)."""
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ValueError(
            f"images must be (B, 3, H, W) floats in [-1, 1], not {tuple(images.shape)} "
            f"of {images.dtype}"
        )


def contact_sheet(images: Tensor, columns: int = 8) -> Image.Image:
    """Images (B, C, H, W) in [-1, 1] side by side, ``columns`` in a row, as one picture."""
    pictures = as_picture(images)
    height, width = pictures.shape[1:3]
    sheet = Image.new("RGB", (columns * width, -(-len(pictures) // columns) * height), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(Image.fromarray(picture), (i % columns * width, i // columns * height))
    return sheet
