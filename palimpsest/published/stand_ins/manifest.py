"""The manifest of a folder of stand-ins: the sha256 of each file.

stand_ins = StandIns.load("stand-ins/manifest.json")
stand_ins.sha256("stylegan2_church-e8ca9fd0.pt")        # 64 hex digits
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from palimpsest.errors import DownloadError
from palimpsest.files.atomic import atomic_write_text

NAME = "manifest.json"
MARK = "palimpsest-stand-ins"
"""The field that marks a manifest of stand-ins."""

DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class StandIns:
    """The sha256 of each stand-in by the published file's name, and the seed of all."""

    seed: int
    digests: Mapping[str, str]

    def sha256(self, name: str) -> str:
        """The whole sha256 of a file's stand-in. Raises `DownloadError` if it is not listed."""
        if name not in self.digests:
            raise DownloadError(
                f"{name}: not in the manifest of stand-ins, which has "
                f"{', '.join(sorted(self.digests)) or 'none'}; make it with make_stand_ins"
            )
        return self.digests[name]

    def save(self, path: str | PathLike[str]) -> None:
        """Write the manifest, whole or not at all."""
        content = {MARK: {"seed": self.seed, "sha256": dict(sorted(self.digests.items()))}}
        atomic_write_text(path, json.dumps(content, indent=2) + "\n")

    @classmethod
    def load(cls, path: str | PathLike[str]) -> StandIns:
        """Read what `save` wrote. Raises `DownloadError` for anything else."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))[MARK]
            seed, digests = int(content["seed"]), dict(content["sha256"])
        except OSError as problem:
            raise DownloadError(
                f"{path}: {problem.strerror}; make it with make_stand_ins"
            ) from None
        except (ValueError, KeyError, TypeError) as problem:
            raise DownloadError(
                f"{path}: not a manifest of stand-ins ({problem}); make it with make_stand_ins"
            ) from None
        for name, digest in digests.items():
            if not (isinstance(digest, str) and DIGEST.fullmatch(digest)):
                raise DownloadError(f"{path}: {name} has no sha256 of 64 hex digits")
        return cls(seed, digests)
