"""The published generators that the paper used.

The eight hex digits in a file's name are the first of its sha256, which is how PyTorch names
published weights; `palimpsest.files.download` checks them. The addresses are those
in the paper's code. NVIDIA published five networks of the same data sets and shape in the format of
its TensorFlow code, without a hash: they are a second origin (`docs/published-files.md`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from palimpsest.errors import DownloadError

_REWRITING = "http://rewriting.csail.mit.edu/data/models/"
_GANDISSECT = "http://gandissect.csail.mit.edu/models/"
_NVIDIA = "https://nvlabs-fi-cdn.nvidia.com/stylegan2/networks/"

WIDEST = 512
STYLEGAN2_AREA = 32768
PROGRESSIVE_AREA = {256: 8192, 1024: 16384}
"""Channels times side at a resolution, where that is below `WIDEST` times the side."""


@dataclass(frozen=True)
class Published:
    """One published generator: `name` and `url` of its file, its subject and resolution.

    ``elsewhere``: address of NVIDIA's network of the same data set, if there is one.
    """

    name: str
    url: str
    kind: str
    subject: str
    resolution: int
    elsewhere: str | None = None

    @property
    def sha256_prefix(self) -> str:
        """The start of the file's sha256 in hex, taken from its name."""
        return sha256_prefix(self.name)

    @property
    def widths(self) -> dict[int, int]:
        """Channels at each resolution, {4: ..., 8: ..., ..., resolution: ...}."""
        progressive = self.kind == "progressive"
        area = PROGRESSIVE_AREA[self.resolution] if progressive else STYLEGAN2_AREA
        sides = (2**i for i in range(2, self.resolution.bit_length()))
        return {side: min(WIDEST, area // side) for side in sides}


def sha256_prefix(name: str) -> str:
    """The eight hex digits before the suffix of a published file name.

    Raises:
        DownloadError: the name has no such digits, so the file cannot be checked.
    """
    found = re.search(r"-([0-9a-f]{8})\.[A-Za-z0-9]+$", name)
    if not found:
        raise DownloadError(
            f"{name}: no sha256 in the name, so it cannot be checked; names end in -xxxxxxxx.pt"
        )
    return found.group(1)


def _table() -> dict[str, Published]:
    stylegan2 = {
        "bedroom": ("6fa55a6e", 256),
        "car": ("3659b4b6", 512),
        "cat": ("d8dc98b2", 256),
        "church": ("e8ca9fd0", 256),
        "faces": ("2858cc2e", 1024),
        "horse": ("499b5380", 256),
        "kitchen": ("b3a526e9", 256),
        "places": ("a3b72d71", 256),
    }
    progressive = {
        "bedroom": ("d8a89ff1", 256),
        "celebhq": ("620d161c", 1024),
        "churchoutdoor": ("7e701dd5", 256),
        "conferenceroom": ("21e85882", 256),
        "diningroom": ("3aa0ab80", 256),
        "kitchen": ("67f1e16c", 256),
        "livingroom": ("5ef336dd", 256),
        "restaurant": ("b8578299", 256),
    }
    nvidia = {"car": "car", "cat": "cat", "church": "church", "faces": "ffhq", "horse": "horse"}
    table = {}
    for subject, (digits, resolution) in stylegan2.items():
        name = f"stylegan2_{subject}-{digits}.pt"
        theirs = nvidia.get(subject)
        elsewhere = f"{_NVIDIA}stylegan2-{theirs}-config-f.pkl" if theirs else None
        url = _REWRITING + name
        table[name] = Published(name, url, "stylegan2", subject, resolution, elsewhere)
    for subject, (digits, resolution) in progressive.items():
        name = f"proggan_{subject}-{digits}.pth"
        table[name] = Published(name, _GANDISSECT + name, "progressive", subject, resolution)
    return table


PUBLISHED: dict[str, Published] = _table()
"""Every published generator, by file name."""
