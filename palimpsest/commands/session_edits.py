"""The edit of a session as a file: the generator that statistics are of, and what is noted.

opening = Opening(Path("church.safetensors"))
g, stats = generator_of_statistics(opening, Path("layer6.safetensors"), device)
edit = edit_of_session(by, g, session, stats, segmenter, settings)
told(edit)                      # "dome2spire by newton: layer 6, rank 1, ..."
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from palimpsest.commands.opening import Opening
from palimpsest.errors import StatisticsError
from palimpsest.generators import Generator
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.memory.several_edits import apply_files
from palimpsest.methods.method import Method
from palimpsest.methods.registry import edit_with
from palimpsest.sessions import Session
from palimpsest.settings import Settings

if TYPE_CHECKING:
    import torch

    from palimpsest.instruments import Segmenter


def generator_of_statistics(
    opening: Opening,
    statistics: Path,
    device: torch.device,
    on: Sequence[Path] = (),
    strengths: Sequence[float] = (1.0,),
) -> tuple[Generator, KeyStatistics]:
    """The generator, at the truncation that the statistics were collected with; and these.

    ``on``, ``strengths``: edits that the generator has already, as in `apply_files`. Raises
    `StatisticsError` for statistics of other weights, or that name no truncation.
    """
    stats = KeyStatistics.load(statistics)
    try:
        truncation = float(stats.metadata["truncation"])
    except (KeyError, ValueError):
        raise StatisticsError(
            f"{statistics}: does not name its truncation; collect it with key_statistics"
        ) from None
    generator = apply_files(opening.generator(truncation), on, strengths).to(device)
    stats = KeyStatistics.load(statistics, expect={"weights_sha256": generator.weights_sha256})
    return generator, stats


def further_statistics(g: Generator, files: Sequence[Path]) -> list[KeyStatistics]:
    """Statistics of other layers of the same generator, at its truncation.

    Raises `StatisticsError` for statistics of other weights, or of another truncation.
    """
    expect = {"weights_sha256": g.weights_sha256, "truncation": g.truncation}
    return [KeyStatistics.load(file, expect) for file in files]


def edit_of_session(
    by: Method,
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    segmenter: Segmenter | None,
    settings: Settings,
    further: Sequence[KeyStatistics] = (),
) -> Edit:
    """`edit_with`, and in the metadata the session, its model and the seconds that it took."""
    began = time.perf_counter()
    edit = edit_with(by, g, session, stats, segmenter, settings, further)
    taken = time.perf_counter() - began
    notes = {
        "session": session.name,
        "model": session.model or "",
        "seconds_in_all": f"{taken:.3f}",
    }
    return replace(edit, metadata={**edit.metadata, **notes})


def told(edit: Edit) -> str:
    """One line on an edit of `edit_of_session`."""
    about = edit.metadata
    return (
        f"{about['session']} by {about['method']}: layer {edit.layer}, rank {edit.rank}, "
        f"exemplars {about.get('exemplars', '0')}, loss {float(about['loss_before']):.4f} to "
        f"{float(about['loss_after']):.4f}, {edit.bytes / 1024:.0f} KiB, "
        f"{float(about['seconds_in_all']):.1f} s"
    )
