"""Fetch a published file from its address, or from a folder where the user put it.

    file = get_published_file("stylegan2_church-e8ca9fd0.pt")
    obtain(file, target, by_hand="data/weights/by_hand")
    obtain(file, target, stand_ins=StandIns.load("manifest.json"), origin="http://127.0.0.1:8765")

The file is always checked: against the start of its sha256 if that is known, else by reading it.
If the first origin fails, the others that the catalogue has are tried, each with its own hash; a
generator without one must be of the expected architecture (`published.origins`). Stand-ins
(`published.stand_ins`) are checked against the whole sha256 in their manifest; without a manifest,
stand-ins are not fetched.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from os import PathLike
from pathlib import Path

from palimpsest.errors import CheckpointError, DownloadError, SessionError
from palimpsest.experiments.reflections.painted_scenes import PaintedScenes
from palimpsest.files.atomic import atomic_path
from palimpsest.files.digests import sha256_of
from palimpsest.files.download import BeingFetched, Patience, fetch
from palimpsest.generators.checkpoints.containers import read_checkpoint
from palimpsest.published.catalogue import KITCHEN_REFLECTIONS, Origin, PublishedFile
from palimpsest.published.origins import check_generator, note_sha256, noted_sha256
from palimpsest.published.paper_generators import PUBLISHED
from palimpsest.published.stand_ins.manifest import StandIns


def obtain(
    file: PublishedFile,
    target: str | PathLike[str],
    *,
    by_hand: str | PathLike[str] | None = None,
    origin: str | None = None,
    stand_ins: StandIns | None = None,
    patience: Patience | None = None,
    progress: bool = True,
    tell: Callable[[str], None] | None = None,
) -> Path:
    """Bring ``file`` to ``target``, checked.

    Args:
        by_hand: folder that is searched first; a person may put the file there, under its name, or
            under the name that another of its origins gives it.
        origin: folder URL of a mirror; the authors' own address if None, then the file's others.
        stand_ins: fetch the stand-in of this manifest instead; needs an ``origin``.
        tell: called with one line if the file came from another origin than the first.

    Raises:
        DownloadError: the fetch failed, or the file is not the expected one. The message names the
            file, its addresses, and where to put it by hand.
    """
    target = Path(target)
    expected = (stand_ins.sha256(file.name) if stand_ins else file.sha256_prefix) or ""
    if stand_ins and not origin:
        raise DownloadError(f"{file.name}: a stand-in needs an origin, the server that has it")
    advice = _advice(file, by_hand, expected, stand_ins is not None)
    others = () if origin else file.others
    if others and target.exists() and sha256_of(target) in noted_sha256(target).values():
        return target
    url = f"{origin.rstrip('/')}/{file.name}" if origin else file.url
    sources = (Origin(url, expected or None), *others)
    arriving = [target, *(target.with_name(f"{target.name}.from-{o.name}") for o in others)]
    if by_hand is not None:
        names = [file.name, *(other.name for other in others)]
        for source, name, place in zip(sources, names, arriving, strict=True):
            if (put := Path(by_hand) / name).is_file():
                _take(put, place, source.sha256_prefix or "")
                return _accept(file, source, place, target, advice, tell)
    problems = []
    for source, place in zip(sources, arriving, strict=True):
        try:
            fetch(source.url, place, source.sha256_prefix or "", patience, progress, advice)
            return _accept(file, source, place, target, advice, tell)
        except BeingFetched:
            raise
        except DownloadError as problem:
            problems.append(str(problem).removesuffix(f"; {advice}"))
    raise DownloadError("; ".join([*problems, advice]))


def _advice(
    file: PublishedFile, by_hand: str | PathLike[str] | None, expected: str, stand_in: bool
) -> str:
    if stand_in:
        return "serve the folder that make_stand_ins wrote, with its manifest, and run again"
    known = f"its sha256 starts with {expected}" if expected else "its sha256 is not known"
    place = f" and put it at {Path(by_hand) / file.name}" if by_hand else ""
    urls = " or ".join([file.url, *(other.url for other in file.others)])
    return (
        f"{file.name} ({file.purpose}) comes from {urls}; run again to go on, or get it by "
        f"other means{place} ({known})"
    )


def _accept(
    file: PublishedFile,
    source: Origin,
    arrived: Path,
    target: Path,
    advice: str,
    tell: Callable[[str], None] | None,
) -> Path:
    """Move what ``arrived`` from ``source`` to ``target``, once its content or hash is noted."""
    if not source.sha256_prefix:
        _check_readable(file, arrived, advice)
    if arrived == target:
        return target
    digest = sha256_of(arrived)
    try:
        note_sha256(target, source.url, digest)
    except DownloadError:
        arrived.unlink()
        raise
    os.replace(arrived, target)
    if tell is not None:
        sure = "as expected" if source.sha256_prefix else "of which nothing was known before"
        tell(
            f"{target}: from {source.url}, since {file.url} did not give it; its sha256 is "
            f"{digest}, {sure}; the weights may differ from those of {file.name}"
        )
    return target


def _take(put: Path, target: Path, expected: str) -> None:
    """Check a file put there by hand, and link it to ``target``, or copy it where links fail."""
    found = sha256_of(put)
    if not found.startswith(expected):
        raise DownloadError(
            f"{put}: has a sha256 of {found[:8]}..., not {expected}...; remove it, or put the "
            "right file there"
        )
    with atomic_path(target) as path:
        try:
            os.link(put, path)
        except OSError:
            shutil.copyfile(put, path)


def _check_readable(file: PublishedFile, target: Path, advice: str) -> None:
    """Remove a file without a known hash if it cannot be read; raises `DownloadError` then."""
    try:
        if file.name in PUBLISHED:
            check_generator(target, PUBLISHED[file.name])
        elif file.name == KITCHEN_REFLECTIONS:
            PaintedScenes.load(target)
        elif target.suffix == ".json":
            json.loads(target.read_text(encoding="utf-8"))
        else:
            read_checkpoint(target)
    except (CheckpointError, SessionError, ValueError) as problem:
        target.unlink()
        reason = " ".join(str(problem).split())
        raise DownloadError(
            f"{target}: the fetched file cannot be read ({reason}); {advice}"
        ) from None
