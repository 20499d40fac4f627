"""Where an editor in a notebook works: a generator in memory or a file of weights, and folders."""

from __future__ import annotations

import copy
import hashlib
import itertools
import os
from collections.abc import Collection
from os import PathLike
from pathlib import Path

from palimpsest.editor.drafts import Drafts
from palimpsest.editor.workplace import ModelPlace, Workplace
from palimpsest.errors import ParameterError, SessionError
from palimpsest.generators import Generator, load_generator
from palimpsest.generators.identity import content_sha256

EXAMPLES = Path(__file__).parents[1] / "examples"


def user_folder() -> Path:
    """Where what an editor keeps for a person belongs: ``$XDG_DATA_HOME/palimpsest``."""
    data = os.environ.get("XDG_DATA_HOME", "")
    return (Path(data) if data else Path.home() / ".local" / "share") / "palimpsest"


def notebook_place(
    g: Generator | str | PathLike[str],
    name: str | None = None,
    layer: int | None = None,
    sessions: Path | None = None,
    drafts: Path | None = None,
    segmenter: Path | None = None,
    statistics_samples: int = 2000,
    truncation: float | None = None,
    estimate_mean: bool = False,
    own: Collection[Path] = (),
) -> Workplace:
    """The place of an editor of ``g``; arguments as of `show`.

    ``own``: folders of drafts that this process has open, and may take over.

    A generator is copied, to the processor, so that later changes of it change no picture. Raises
    `ParameterError` for a missing file, an unknown layer, a bad name or the truncation of a loaded
    generator, `CheckpointError` for a file that cannot be read.
    """
    if isinstance(g, Generator):
        if truncation is not None or estimate_mean:
            raise ParameterError(
                "truncation: a loaded generator has its own; give it to load_generator, or a file "
                "to show"
            )
        found, weights = copy.deepcopy(g).cpu().eval().requires_grad_(False), Path()
    else:
        weights = Path(g)
        if not weights.is_file():
            raise ParameterError(f"{weights}: no such file")
        found = load_generator(
            weights, 1.0 if truncation is None else truncation, estimate_mean=estimate_mean
        )
        beside = weights.with_name(f"{weights.stem}-segmenter{weights.suffix}")
        segmenter = segmenter or (beside if beside.is_file() else None)
    if segmenter is not None and not Path(segmenter).is_file():
        raise ParameterError(f"segmenter: {segmenter}: no such file")
    if layer is not None and layer not in found.layers:
        first, last = found.layers[0], found.layers[-1]
        raise ParameterError(f"layer: there is no layer {layer}; there are {first} to {last}")
    called = name or _as_name(weights.stem) or "generator"
    if called != _as_name(called):
        raise ParameterError(f"name: {called!r} has other signs than letters, digits and _")
    kept = user_folder() / "notebook" / f"{called}-{_fingerprint(found)}"
    place = ModelPlace(
        weights=weights,
        loaded=found,
        sessions=Path(sessions) if sessions is not None else Path("sessions", called),
        statistics_folder=kept / "statistics",
        segmenter=Path(segmenter) if segmenter is not None else None,
        truncation=found.truncation,
        layer=layer,
        statistics_samples=statistics_samples,
    )
    folder = _drafts_in(kept.absolute(), own) if drafts is None else Path(drafts).absolute()
    return Workplace({called: place}, called, folder, examples=EXAMPLES)


def _drafts_in(kept: Path, own: Collection[Path]) -> Path:
    """The folder of drafts that this process has open, or else the first that no other has."""
    folders = (kept / f"drafts-{number}" for number in itertools.count(1))
    mine = [folder for folder in own if folder.parent == kept]
    return mine[0] if mine else next(folder for folder in folders if _is_free(folder))


def _is_free(folder: Path) -> bool:
    try:
        Drafts.open(folder).close()
    except SessionError:
        return False
    return True


def _as_name(text: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in text)


def _fingerprint(g: Generator) -> str:
    """Of the weights as they are now: an edited generator has its own drafts and statistics."""
    content = f"{content_sha256(g.state_dict())} {g.truncation}"
    if g.of_class is not None:
        content += f" class {g.of_class}"
    return hashlib.sha256(content.encode()).hexdigest()[:12]
