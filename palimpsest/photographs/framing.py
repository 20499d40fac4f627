"""The face's square in a larger picture, such as a photograph from a phone.

    framing = FramingNetwork.load("data/weights/mini/photo_faces-framing.safetensors")
    box = framing.find(picture)            # Box(left=..., top=..., size=...)

The generator's photographs are tight crops with eyes and mouth at nearly the same place. A small
network says of a window whether it is such a crop; every place and size is tried, and the windows
that it likes best are averaged. Each window's contrast is normalised first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from palimpsest.instruments.network_files import Kind, load_network, save_network
from palimpsest.photographs.reading import Box

KIND = Kind("palimpsest-framing", "framing network", "train_framing", ("facts",))

WINDOW = 32
"""Side of the window that the network sees, in pixels."""

RATIO = 1.2
"""Ratio of the window sizes that are tried, one after the other."""

SMALLEST_SHARE = 0.14
"""The smallest window, as a share of the picture's shorter side."""

STRIDE = 4
"""Distance of the windows that are tried, in pixels of the window."""

AGREEING = 0.6
"""Windows that overlap the best one by this (intersection over union) are averaged with it."""


class FramingNetwork(nn.Module):
    """Windows (B, 1, 32, 32) in [-1, 1] to the logit that each is a face's square, (B,)."""

    def __init__(self, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.facts = dict(facts or {})
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2),
            nn.LeakyReLU(0.1),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(32, 48, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Flatten(),
            nn.Linear(48 * 16, 64),
            nn.LeakyReLU(0.1),
            nn.Linear(64, 1),
        )

    def forward(self, windows: Tensor) -> Tensor:
        return self.layers(normalised(windows))[:, 0]

    @torch.no_grad()
    def find(self, picture: Image.Image) -> Box:
        """The square that looks most like a face's, of a picture of at least 16 pixels a side."""
        boxes, logits = self.scores(picture)
        boxes, logits = self._refined(picture, boxes, logits)
        best = int(logits.argmax())
        near = overlap(boxes, boxes[best]) > AGREEING
        weight = np.where(near, np.exp(np.clip(logits - logits[best], -30, 0)), 0)
        left, top, size = (weight[:, None] * boxes).sum(0) / weight.sum()
        size = int(min(round(size), *picture.size))
        left = int(np.clip(round(left), 0, picture.width - size))
        top = int(np.clip(round(top), 0, picture.height - size))
        return Box(left, top, size)

    def _refined(
        self, picture: Image.Image, boxes: np.ndarray, logits: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The windows and their logits, with those of windows close around the best one."""
        left, top, size = boxes[logits.argmax()]
        tried = [
            (
                left + size * (x + (1 - factor) / 2),
                top + size * (y + (1 - factor) / 2),
                size * factor,
            )
            for factor in (0.92, 0.96, 1.0, 1.04, 1.09)
            for x in (-0.06, -0.03, 0.0, 0.03, 0.06)
            for y in (-0.06, -0.03, 0.0, 0.03, 0.06)
        ]
        inside = np.array(
            [
                one
                for one in tried
                if min(one[:2]) >= 0
                and one[0] + one[2] <= picture.width
                and one[1] + one[2] <= picture.height
            ]
        ).reshape(-1, 3)
        if not len(inside):
            return boxes, logits
        grey = picture.convert("L")
        windows = [
            np.asarray(
                grey.resize((WINDOW, WINDOW), Image.Resampling.BOX, box=(x, y, x + s, y + s))
            )
            for x, y, s in inside
        ]
        found = self(torch.from_numpy(np.stack(windows))[:, None].float() / 127.5 - 1)
        return np.concatenate([boxes, inside]), np.concatenate([logits, found.numpy()])

    @torch.no_grad()
    def scores(self, picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
        """The windows that are tried, (n, 3) left, top and size, and their logits (n,)."""
        boxes, logits = [], []
        for size, level in pyramid(picture):
            windows = level.unfold(0, WINDOW, STRIDE).unfold(1, WINDOW, STRIDE)
            rows, columns = windows.shape[:2]
            flat = windows.reshape(-1, 1, WINDOW, WINDOW)
            logits.append(torch.cat([self(part) for part in flat.split(1024)]).numpy())
            unit = size / WINDOW
            top, left = np.mgrid[:rows, :columns].reshape(2, -1) * STRIDE * unit
            boxes.append(np.stack([left, top, np.full_like(left, size)], axis=1))
        return np.concatenate(boxes), np.concatenate(logits)

    def save(self, path: str | PathLike[str]) -> None:
        """Write a ``.safetensors`` file, atomically; weights as float16."""
        save_network(path, self, KIND, {"facts": self.facts})

    @classmethod
    def load(cls, path: str | PathLike[str]) -> FramingNetwork:
        """Read a network. Raises `CheckpointError` for a missing, damaged or other file."""
        network, _ = load_network(path, KIND, lambda description: cls(description["facts"]))
        return network.eval().requires_grad_(False)


def normalised(windows: Tensor) -> Tensor:
    """Windows (B, 1, h, w) with mean 0 and deviation 1 each; flat ones stay near 0."""
    centred = windows - windows.mean((1, 2, 3), keepdim=True)
    return centred / (centred.square().mean((1, 2, 3), keepdim=True).sqrt() + 0.02)


def pyramid(picture: Image.Image) -> Iterator[tuple[float, Tensor]]:
    """Window sizes in pixels of ``picture``, and the picture (h, w) in [-1, 1], reduced so that
    such a window has 32 pixels."""
    grey = picture.convert("L")
    shorter = min(grey.size)
    size = float(shorter)
    while size >= max(SMALLEST_SHARE * shorter, WINDOW / 2):
        width, height = (max(WINDOW, round(side * WINDOW / size)) for side in grey.size)
        level = grey.resize((width, height), Image.Resampling.BOX if size > 2 * WINDOW else None)
        yield size, torch.from_numpy(np.array(level)).float() / 127.5 - 1
        size /= RATIO


def overlap(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Intersection over union of the squares ``boxes`` (n, 3) with one ``box`` (3,)."""
    sides = [
        np.minimum(boxes[:, axis] + boxes[:, 2], box[axis] + box[2])
        - np.maximum(boxes[:, axis], box[axis])
        for axis in (0, 1)
    ]
    shared = np.clip(sides[0], 0, None) * np.clip(sides[1], 0, None)
    return shared / (boxes[:, 2] ** 2 + box[2] ** 2 - shared)
