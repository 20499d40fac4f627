"""Lists in a sentence.

listed(["spires", "trees", "windows"])      # "spires, trees and windows"
"""

from __future__ import annotations

from collections.abc import Iterable


def listed(parts: Iterable[object]) -> str:
    """The parts as text: ``a, b and c``. Raises `ValueError` for no part."""
    *most, last = map(str, parts)
    return f"{', '.join(most)} and {last}" if most else last
