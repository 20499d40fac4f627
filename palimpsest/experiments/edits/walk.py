"""A walk through z, before and after an edit, side by side: a rule holds all along the way.

    frames = walk_frames(g, edit, stops=6, between=14, samples=1000, seed=3)
    write_walk(frames, "walk.webp", milliseconds=90)

The stops are the samples that match the edit's direction best, as in the figures of pairs. Between
two stops z moves along the great circle, which keeps its length typical of a normal z; the walk
returns to its start.
"""

from __future__ import annotations

import io
import math
from os import PathLike

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from palimpsest.experiments.edits.best_matches import best_along
from palimpsest.experiments.panel_sources import pictures
from palimpsest.files.atomic import atomic_write_bytes
from palimpsest.generators import Generator, sample_z
from palimpsest.memory import Edit

GAP = 4
"""Pixels between the two pictures of a frame."""


def great_circle(a: Tensor, b: Tensor, share: float) -> Tensor:
    """The point at ``share`` (0 to 1) of the way from ``a`` to ``b``, both (z_dim,).

    Along the great circle of their directions; the length changes evenly.
    """
    lengths = a.norm(), b.norm()
    one, other = a / lengths[0], b / lengths[1]
    angle = torch.arccos((one @ other).clamp(-1 + 1e-7, 1 - 1e-7))
    mixed = torch.sin((1 - share) * angle) * one + torch.sin(share * angle) * other
    return mixed / torch.sin(angle) * (lengths[0] + share * (lengths[1] - lengths[0]))


def eased(step: int, steps: int) -> float:
    """Share of the way at a step: slow near the stops, so that they can be seen."""
    return 0.5 - 0.5 * math.cos(math.pi * step / steps)


def walk_frames(
    g: Generator, edit: Edit, *, stops: int, between: int, samples: int, seed: int
) -> np.ndarray:
    """Frames (stops · between, H, 2 W + `GAP`, 3) uint8: at the left without the edit.

    Args:
        stops: samples visited, those of ``samples`` of the ``seed`` that match the edit best.
        between: frames from a stop to the next.
    """
    stream = sample_z(g, samples, seed)
    z = stream[best_along(g, edit, stream, stops)[0]]
    path = torch.stack(
        [
            great_circle(z[stop], z[(stop + 1) % stops], eased(step, between))
            for stop in range(stops)
            for step in range(between)
        ]
    )
    before, after = pictures(g, path), pictures(edit.apply(g), path)
    gap = np.full((*before.shape[:2], GAP, 3), 255, np.uint8)
    return np.concatenate([before, gap, after], axis=2)


def write_walk(
    frames: np.ndarray, path: str | PathLike[str], milliseconds: int, quality: int = 80
) -> int:
    """Write ``frames`` as an endless animated WebP, atomically; returns its size in bytes."""
    images = [Image.fromarray(frame) for frame in frames]
    content = io.BytesIO()
    images[0].save(
        content,
        "webp",
        save_all=True,
        append_images=images[1:],
        duration=milliseconds,
        loop=0,
        quality=quality,
        method=4,
    )
    atomic_write_bytes(path, content.getvalue())
    return len(content.getvalue())
