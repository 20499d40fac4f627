"""Session files in the forms of the original: each kind that it ships, small and made here."""

from __future__ import annotations

from typing import Any

import numpy as np

from palimpsest.sessions.masks import encode_mask


def spot(top: int, left: int, bottom: int, right: int) -> str:
    """A painted rectangle of a picture of 64 x 64 pixels, as a data URL."""
    mask = np.zeros((64, 64), np.float32)
    mask[top:bottom, left:right] = 1
    return encode_mask(mask)


A, B = spot(8, 8, 28, 28), spot(24, 28, 44, 48)
EMPTY = encode_mask(np.zeros((4, 4)))
KEY = [[7, B], [9, A], [2, spot(40, 0, 60, 24)]]

FORMS: dict[str, dict[str, Any]] = {
    "copy_and_paste": {"object": [3, A], "paste": [5, B]},
    "with_context": {"object": [3, A], "paste": [5, B], "key": KEY, "query": [5, B]},
    "in_place": {"object": [3, A], "paste": [3, A], "key": KEY},
    "context_alone": {"key": KEY, "query": [4, A]},
    "context_and_object": {"key": KEY, "object": [3, A]},
    "context_and_paste": {"key": KEY, "paste": [5, B]},
    "late_sample": {"object": [3, A], "paste": [1004, B], "key": [[1000, B]]},
    "unpainted_query": {
        "object": [3, A],
        "paste": [5, B],
        "query": [5, EMPTY],
    },
    "erase_in_the_file": {"key": KEY, "erase": 2},
}
"""By name: what such a file holds."""
