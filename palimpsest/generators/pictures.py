"""Conversion between network images (B, 3, H, W) in [-1, 1] and uint8 pictures (B, H, W, 3)."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def as_input(pictures: np.ndarray) -> Tensor:
    """uint8 (B, H, W, 3) to float32 (B, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def as_picture(images: Tensor) -> np.ndarray:
    """(B, 3, H, W), clipped to [-1, 1], to uint8 (B, H, W, 3)."""
    scaled = ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return scaled.permute(0, 2, 3, 1).cpu().numpy()


def check_images(images: Tensor) -> None:
    """Raises `ValueError` unless ``images`` are floats of shape (B, 3, H, W)."""
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ValueError(
            f"images must be (B, 3, H, W) floats in [-1, 1], not {tuple(images.shape)} "
            f"of {images.dtype}"
        )


def contact_sheet(images: Tensor, columns: int = 8) -> Image.Image:
    """Images (B, 3, H, W) in [-1, 1] side by side, ``columns`` in a row, as one picture."""
    pictures = as_picture(images)
    height, width = pictures.shape[1:3]
    sheet = Image.new("RGB", (columns * width, -(-len(pictures) // columns) * height), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(Image.fromarray(picture), (i % columns * width, i // columns * height))
    return sheet
