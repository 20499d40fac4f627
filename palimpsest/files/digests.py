"""The sha256 of a file, by which the published files are told from what only has their name.

sha256_of("face-parsing-02dd3f6f.pth").startswith("02dd3f6f")
"""

from __future__ import annotations

import hashlib
from os import PathLike


def sha256_of(path: str | PathLike[str]) -> str:
    """64 hex digits; reads the file in parts. Raises `OSError` where it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
