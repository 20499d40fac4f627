"""Scenes with hand-painted masks of windows and of their reflections (paper, section 5.3).

    scenes = PaintedScenes.load("kitchen_reflections.json")
    tuning, measured = scenes.halves()
    tuning.z(g)                        # (P, z_dim)
    tuning.window_areas(8)             # (P, 8, 8): painted share of each cell
    tuning.reflection_areas(32)        # (P, 32, 32)

For generators without a world, people paint two masks on each of a few samples of the standard
stream: the windows, and what reflects them. The file format is that of the paper's code: an object
with an entry for each sample, by its number::

    {"14": {"value": "-5.0", "intervention": WINDOWS, "revert": REFLECTIONS}, ...}

Masks are those of sessions (`sessions.masks`); ``value`` is the position of a slider of the
interface and is ignored.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from palimpsest.errors import ParameterError, SessionError
from palimpsest.generators import Generator, sample_z
from palimpsest.sessions.masks import cover, decode_mask

STREAM_SEED = 1
"""Random seed of the numbered samples."""

STREAM_LENGTH = 1000
"""Number of samples that the paper's interface offered to paint on."""

WINDOWS, REFLECTIONS = "intervention", "revert"
"""Fields of an entry with its two masks."""


@dataclass(frozen=True)
class PaintedScenes:
    """P samples by their ``numbers``, ascending, each with two masks (H, W) float32 in [0, 1]."""

    numbers: tuple[int, ...]
    windows: tuple[np.ndarray, ...]
    reflections: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.numbers)

    @classmethod
    def from_dict(cls, data: Any, source: str = "painted scenes") -> PaintedScenes:
        """The scenes in the parsed JSON. Raises `SessionError` naming ``source`` and field."""
        if not isinstance(data, dict) or not data:
            raise SessionError(f"{source}: no painted scenes; it must hold masks by sample number")
        found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for key, entry in data.items():
            number = _number(key, source)
            if number in found:
                raise SessionError(f"{source}: sample {number} is painted twice")
            if not isinstance(entry, dict):
                raise SessionError(f"{source}: field {key}: is not an object with two masks")
            windows, reflections = (
                _mask(entry, field, f"{source}: field {key}.{field}")
                for field in (WINDOWS, REFLECTIONS)
            )
            found[number] = windows, reflections
        numbers = sorted(found)
        masks = zip(*(found[number] for number in numbers), strict=True)
        return cls(tuple(numbers), *masks)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> PaintedScenes:
        """The scenes in a file. Raises `SessionError` for a file that is missing or invalid."""
        path = Path(path)
        try:
            data = json.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as problem:
            raise SessionError(f"{path}: {problem.strerror}; fetch the painted scenes") from None
        except (ValueError, RecursionError) as problem:
            raise SessionError(f"{path}: is not JSON ({problem}); fetch it again") from None
        return cls.from_dict(data, str(path))

    def halves(self) -> tuple[PaintedScenes, PaintedScenes]:
        """The scenes to tune edits to (the lower half of the numbers) and those to measure (the
        rest). Raises `ParameterError` for a single scene."""
        if len(self) < 2:
            raise ParameterError(
                "a single painted scene: one to tune to and one to measure are needed"
            )
        middle = len(self) // 2
        return self.part(slice(middle)), self.part(slice(middle, None))

    def first(self, count: int, what: str) -> PaintedScenes:
        """The first ``count`` scenes. Raises `ParameterError`, naming ``what``, for too few."""
        if not 1 <= count <= len(self):
            raise ParameterError(f"{what} = {count}: there are {len(self)} painted scenes for it")
        return self.part(slice(count))

    def z(self, g: Generator) -> Tensor:
        """The samples' z (P, z_dim)."""
        return sample_z(g, self.numbers[-1] + 1, STREAM_SEED)[list(self.numbers)]

    def window_areas(self, cells: int) -> Tensor:
        """(P, cells, cells) in [0, 1]: share of each cell that is painted as window.

        Raises `SessionError` for a mask too small for that grid.
        """
        return self._areas(self.windows, "window", cells)

    def reflection_areas(self, cells: int) -> Tensor:
        """(P, cells, cells) in [0, 1]: share of each cell that is painted as reflection."""
        return self._areas(self.reflections, "reflection", cells)

    def part(self, part: slice) -> PaintedScenes:
        """A slice of the scenes, in the order of their numbers."""
        return PaintedScenes(self.numbers[part], self.windows[part], self.reflections[part])

    def _areas(self, masks: tuple[np.ndarray, ...], what: str, cells: int) -> Tensor:
        areas = torch.stack([cover(mask, (cells, cells)) for mask in masks])
        for number, area in zip(self.numbers, areas, strict=True):
            if not area.any():
                raise SessionError(
                    f"sample {number}: its {what} covers nothing on a grid of {cells} x {cells} "
                    "cells; paint a larger one"
                )
        return areas


def _number(key: str, source: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", key) or int(key) >= STREAM_LENGTH:
        raise SessionError(
            f"{source}: field {key[:20]!r} is not a sample; give its number, 0 to "
            f"{STREAM_LENGTH - 1}"
        )
    return int(key)


def _mask(entry: dict[str, Any], field: str, place: str) -> np.ndarray:
    url = entry.get(field)
    if not isinstance(url, str):
        raise SessionError(f"{place}: is missing, or not a mask; a mask is a PNG data URL")
    try:
        mask = decode_mask(url) if url else None
    except ValueError as problem:
        raise SessionError(f"{place}: {problem}") from None
    if mask is None or not (mask >= 1 / 255).any():
        raise SessionError(f"{place}: is empty; paint at least one spot of it")
    return mask
