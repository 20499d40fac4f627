"""Rewrite a rule of a generator as a session shows, by one method, and write the edit.

    python -m stages.rewrite --weights church.safetensors --statistics layer6.safetensors \
        --session dome2spire.json --segmenter church-segmenter.safetensors --method newton \
        --settings '{"mu": 0.1}' --out dome2spire.safetensors

With ``--statistics`` of several layers `palimpsest` tries the session at each of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from palimpsest.commands.opening import Opening
from palimpsest.commands.session_edits import (
    edit_of_session,
    further_statistics,
    generator_of_statistics,
    told,
)
from palimpsest.methods.registry import method_called, names_of
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import CriticFile, Weights
from palimpsest.sessions import Session
from palimpsest.settings import settings_from_json


def main(
    weights: Weights,
    statistics: Annotated[
        list[Path],
        typer.Option(
            help="Key statistics of the session's layer; repeatable, for other layers at which"
            " palimpsest tries the session as well."
        ),
    ],
    session: Annotated[Path, typer.Option(help="Session file; its name is written to the edit.")],
    out: Annotated[Path, typer.Option(help="Edit to write (.safetensors).")],
    model: Annotated[
        str | None, typer.Option(help="Name of the generator, written to the edit. [the session's]")
    ] = None,
    method: Annotated[str, typer.Option(help=f"Method: {', '.join(names_of('edit'))}.")] = "newton",
    settings: Annotated[str, typer.Option(help="Settings of the method, as JSON.")] = "{}",
    segmenter: Annotated[
        Path | None,
        typer.Option(help="Segmenter, needed by methods that judge candidates by labels."),
    ] = None,
    critic: CriticFile = None,
    device: Device = "cpu",
) -> None:
    """Write the edit, with the session, the method and their numbers in its metadata."""
    by = method_called(method, "edit", "--method")
    chosen = settings_from_json("--settings", settings, by.settings)
    drawn = Session.load(session)
    drawn = drawn.model_copy(update={"name": session.stem, "model": model or drawn.model})
    place = computing_device(device)
    first, *others = statistics
    generator, stats = generator_of_statistics(Opening(weights), first, place)
    further = further_statistics(generator, others)
    labels = _segmenter(segmenter, critic).to(place) if segmenter and by.uses_segmenter else None
    edit = edit_of_session(by, generator, drawn, stats, labels, chosen, further)
    edit.save(out)
    print(told(edit))


def _segmenter(path: Path, critic: Path | None) -> Any:
    # importing the instruments takes seconds, and most methods do not need them
    from palimpsest.instruments.loading import load_segmenter

    return load_segmenter(path, critic)


if __name__ == "__main__":
    run(main)
