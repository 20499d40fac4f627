"""Fetch one published file, or take it from where it was put by hand, and verify it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.pipeline.commands import run
from palimpsest.published.catalogue import get_published_file
from palimpsest.published.fetching import obtain
from palimpsest.published.stand_ins.manifest import StandIns


def main(
    name: Annotated[
        str, typer.Option(help="Published file name, such as stylegan2_...-xxxxxxxx.pt.")
    ],
    out: Annotated[Path, typer.Option(help="Where to put it.")],
    by_hand: Annotated[
        Path | None, typer.Option(help="Folder that is looked into before anything is fetched.")
    ] = None,
    origin: Annotated[
        str | None, typer.Option(help="Folder URL of a mirror; the published one if not given.")
    ] = None,
    stand_ins: Annotated[
        Path | None,
        typer.Option(help="Manifest of stand-ins: fetch the stand-in, not the published file."),
    ] = None,
) -> None:
    """Go on from what an earlier run has fetched; retry, and show progress."""
    obtain(
        get_published_file(name),
        out,
        by_hand=by_hand,
        origin=origin,
        stand_ins=StandIns.load(stand_ins) if stand_ins else None,
    )


if __name__ == "__main__":
    run(main)
