"""Write stand-ins and their manifest into a folder, ready to be served.

write_stand_ins("stand-ins", ["stylegan2_church-e8ca9fd0.pt", "masks/dome2spire.json"], seed=1)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path

import torch

from palimpsest.files.atomic import atomic_path, atomic_write_text
from palimpsest.files.digests import sha256_of
from palimpsest.published.catalogue import KITCHEN_REFLECTIONS, get_published_file
from palimpsest.published.stand_ins.documents import (
    stand_in_labels,
    stand_in_scenes,
    stand_in_session,
)
from palimpsest.published.stand_ins.manifest import NAME, StandIns
from palimpsest.published.stand_ins.networks import stand_in_network

LABELS = "upp-resnet50-upernet/labels.json"
SIDES = {"masks/smile.json": 1024}
"""Side of a session's masks in pixels; 256 for all others."""


def write_stand_ins(
    folder: str | PathLike[str],
    names: Iterable[str],
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
) -> StandIns:
    """Write the stand-in of each published file, and the manifest last; both of the parser's
    networks come from the same draw. ``progress`` is called with each name before it is made.

    Raises `DownloadError` for a name that is not a published file's, `OSError` for a full disk.
    """
    folder = Path(folder)
    files = [get_published_file(name) for name in names]
    digests = {}
    for file in files:
        if progress is not None:
            progress(file.name)
        target = folder / file.name
        _write(file.name, target, seed)
        digests[file.name] = sha256_of(target)
    manifest = StandIns(seed, digests)
    manifest.save(folder / NAME)
    return manifest


def _write(name: str, target: Path, seed: int) -> None:
    if name == LABELS:
        atomic_write_text(target, json.dumps(stand_in_labels()))
    elif target.suffix == ".json":
        # its own seed, so that two sessions differ
        own = (seed * 1000 + sum(name.encode())) % 2**32
        make = stand_in_scenes if name == KITCHEN_REFLECTIONS else stand_in_session
        drawn = make(own, SIDES.get(name, 256))
        atomic_write_text(target, json.dumps(drawn, indent=1))
    else:
        content = stand_in_network(name, seed)
        with atomic_path(target) as path:
            torch.save(content, path)
