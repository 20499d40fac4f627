"""The sha256 of a file, which identifies published files.

sha256_of("face-parsing-02dd3f6f.pth").startswith("02dd3f6f")
"""

from __future__ import annotations

import hashlib
from os import PathLike


def sha256_of(path: str | PathLike[str]) -> str:
    """The sha256 of a file's content, 64 hex digits. Raises `OSError` if it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
