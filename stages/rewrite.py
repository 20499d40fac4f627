"""Rewrite a rule of a generator as a session shows, by one method, and write the edit.

    python -m stages.rewrite --weights church.safetensors --statistics layer6.safetensors \
        --session dome2spire.json --segmenter church-segmenter.safetensors --method newton \
        --settings '{"mu": 0.1}' --out dome2spire.safetensors
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from palimpsest.errors import StatisticsError
from palimpsest.generators import load_generator
from palimpsest.memory import KeyStatistics
from palimpsest.methods.registry import edit_with, method_called, names_of
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import SessionFile, StatisticsFile, Weights
from palimpsest.sessions import Session
from palimpsest.settings import settings_from_json


def main(
    weights: Weights,
    statistics: StatisticsFile,
    session: SessionFile,
    out: Annotated[Path, typer.Option(help="Edit to write (.safetensors).")],
    method: Annotated[str, typer.Option(help=f"Method: {', '.join(names_of('edit'))}.")] = "newton",
    settings: Annotated[str, typer.Option(help="Settings of the method, as JSON.")] = "{}",
    segmenter: Annotated[
        Path | None,
        typer.Option(help="Segmenter, needed by methods that judge candidates by labels."),
    ] = None,
    device: Device = "cpu",
) -> None:
    """Write the edit, with the session, the method and their numbers in its metadata."""
    by = method_called(method, "edit", "--method")
    chosen = settings_from_json("--settings", settings, by.settings)
    drawn = Session.load(session)
    stats = KeyStatistics.load(statistics)
    place = computing_device(device)
    generator = load_generator(weights, truncation=_truncation(stats, statistics)).to(place)
    stats = KeyStatistics.load(statistics, expect={"weights_sha256": generator.weights_sha256})
    labels = _segmenter(segmenter).to(place) if segmenter and by.uses_segmenter else None
    began = time.perf_counter()
    edit = edit_with(by, generator, drawn, stats, labels, chosen)
    taken = time.perf_counter() - began
    notes = {"session": drawn.name, "model": drawn.model or "", "seconds_in_all": f"{taken:.3f}"}
    edit = replace(edit, metadata={**edit.metadata, **notes})
    edit.save(out)
    before, after = (float(edit.metadata[f"loss_{when}"]) for when in ("before", "after"))
    print(
        f"{drawn.name} by {method}: layer {edit.layer}, rank {edit.rank}, "
        f"exemplars {edit.metadata.get('exemplars', '0')}, loss {before:.4f} to {after:.4f}, "
        f"{edit.bytes / 1024:.0f} KiB, {taken:.1f} s"
    )


def _segmenter(path: Path) -> Any:
    # importing the instruments takes seconds, and most methods do not need them
    from palimpsest.instruments.loading import load_segmenter

    return load_segmenter(path)


def _truncation(stats: KeyStatistics, path: Path) -> float:
    """The truncation that the statistics were collected with; the edit uses the same."""
    try:
        return float(stats.metadata["truncation"])
    except (KeyError, ValueError):
        raise StatisticsError(
            f"{path}: does not name its truncation; collect it with key_statistics"
        ) from None


if __name__ == "__main__":
    run(main)
