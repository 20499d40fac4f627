"""The set of photographs: fetched from its public repository and verified by its content.

    obtain_photographs("data/photographs/faces.zip", PhotographManifest.shipped())

What is verified is the content of the photographs, not the archive, so an archive packed otherwise
or fetched from elsewhere is accepted too. The manifest of the set is the file beside this module::

    PhotographManifest.of("faces.zip").save("palimpsest/published/photograph_set.json")
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path

from palimpsest.errors import DownloadError, ParameterError
from palimpsest.files.atomic import atomic_write_bytes
from palimpsest.files.download import Patience, fetch
from palimpsest.training.photographs import PhotographFile, photograph_files

COMMIT = "d086cf70c8918ac71da012d948b207abc4b11478"
ADDRESS = f"https://codeload.github.com/hromi/SMILEsmileD/zip/{COMMIT}"
"""The public repository as a zip archive, at one commit."""

SHIPPED = Path(__file__).with_suffix(".json")
HEX_DIGITS = 12
"""Digits of each held-out photograph's sha256 that the manifest keeps."""


@dataclass(frozen=True)
class PhotographManifest:
    """What the photographs are: their number, one hash of all, and one of each held-out one.

    ``count``: number of photographs. ``sha256``: of the lines "NAME SHA256" of all photographs,
    ordered by folder and number. ``held_out``: name -> the start of the photograph's sha256.
    """

    count: int
    sha256: str
    held_out: Mapping[str, str]

    @classmethod
    def of(cls, path: str | PathLike[str]) -> PhotographManifest:
        """The manifest of the photographs in an archive. Raises `ParameterError` if there are
        none."""
        return cls._of(photograph_files(path))

    @classmethod
    def _of(cls, files: list[PhotographFile]) -> PhotographManifest:
        lines, held_out = hashlib.sha256(), {}
        for file in files:
            digest = hashlib.sha256(file.content).hexdigest()
            lines.update(f"{file.name} {digest}\n".encode())
            if file.is_held_out:
                held_out[file.name] = digest[:HEX_DIGITS]
        return cls(len(files), lines.hexdigest(), held_out)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> PhotographManifest:
        """The manifest in a file. Raises `ParameterError` for any other file."""
        try:
            return cls(**json.loads(Path(path).read_text(encoding="utf-8")))
        except (ValueError, TypeError) as problem:
            raise ParameterError(f"{path}: not a manifest of photographs ({problem})") from None

    @classmethod
    def shipped(cls) -> PhotographManifest:
        """The manifest of the 13,165 photographs that this project's results are made with."""
        return cls.load(SHIPPED)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the manifest as JSON, atomically."""
        atomic_write_bytes(Path(path), (json.dumps(asdict(self), indent=0) + "\n").encode())

    def differences(self, path: str | PathLike[str]) -> str:
        """What is wrong with the photographs of an archive, in words; empty if nothing is.

        Raises `ParameterError` for a file that is no archive of photographs.
        """
        found = PhotographManifest.of(path)
        if found == self:
            return ""
        other = [
            name for name, digest in found.held_out.items() if self.held_out.get(name) != digest
        ]
        missing = [name for name in self.held_out if name not in found.held_out]
        words = [f"{found.count:,} photographs instead of {self.count:,}"]
        words = words if found.count != self.count else []
        if missing:
            words.append(f"{len(missing)} held-out photographs missing, such as {missing[0]}")
        if other:
            words.append(f"{len(other)} held-out photographs differ, such as {other[0]}")
        return ", ".join(words) or "photographs to train on differ"


def obtain_photographs(
    target: str | PathLike[str],
    manifest: PhotographManifest,
    *,
    origin: str = ADDRESS,
    patience: Patience | None = None,
    progress: bool = True,
) -> Path:
    """Bring the archive of the photographs to ``target``, verified; one that is there is kept.

    Args:
        origin: URL of the archive, in either layout of `palimpsest.training.photographs`.

    Raises:
        DownloadError: the archive cannot be fetched, or holds other photographs than those of the
            manifest. The message says how to get it by other means.
    """
    target = Path(target)
    if target.exists():
        _verify(target, manifest, f"{target}: not the photographs", f"remove it; {_advice(target)}")
        return target
    arriving = target.with_name(f"{target.stem}.arriving{target.suffix}")
    advice = _advice(target)
    if not arriving.exists():
        fetch(origin, arriving, "", patience, progress, advice)
    try:
        _verify(arriving, manifest, f"{origin}: sent other photographs", advice)
    except DownloadError:
        arriving.unlink()
        raise
    os.replace(arriving, target)
    return target


def _verify(path: Path, manifest: PhotographManifest, problem: str, advice: str) -> None:
    try:
        differences = manifest.differences(path)
    except ParameterError as unreadable:
        raise DownloadError(f"{problem} ({unreadable}); {advice}") from None
    if differences:
        raise DownloadError(f"{problem} ({differences}); {advice}")


def _advice(target: Path) -> str:
    return (
        "to get them by other means, put a zip archive of the repository hromi/SMILEsmileD at "
        f"{target} (docs/photographs.md)"
    )
