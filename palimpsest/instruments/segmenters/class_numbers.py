"""Labels of named classes, with an error that lists the known names."""

from __future__ import annotations

from collections.abc import Sequence

from palimpsest.errors import ParameterError
from palimpsest.instruments.segmenters.world_segmenter import Segmenter


def class_index(segmenter: Segmenter, name: str) -> int:
    """Index of a class. Raises `ParameterError` listing the classes for one it has not."""
    try:
        return segmenter.index(name)
    except ValueError as problem:
        raise ParameterError(str(problem)) from None


def class_numbers(segmenter: Segmenter, names: Sequence[str]) -> list[int]:
    """All labels of classes. Raises `ParameterError` listing the classes for one it has not."""
    try:
        return [number for name in names for number in segmenter.numbers(name)]
    except ValueError as problem:
        raise ParameterError(str(problem)) from None
