"""One published file, downloaded or copied from a local folder, and verified by its sha256.

If its first origin fails, the others are tried; the output says so.
"""

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
        str, typer.Option(help="Name of the published file, such as stylegan2_...-xxxxxxxx.pt.")
    ],
    out: Annotated[Path, typer.Option(help="File to write.")],
    by_hand: Annotated[
        Path | None, typer.Option(help="Folder searched before downloading.")
    ] = None,
    origin: Annotated[
        str | None, typer.Option(help="Folder URL of a mirror. [the published URL]")
    ] = None,
    stand_ins: Annotated[
        Path | None,
        typer.Option(help="Manifest of stand-ins; fetches the stand-in of the file."),
    ] = None,
) -> None:
    """Write the file once its sha256 is verified; an interrupted download is resumed."""
    obtain(
        get_published_file(name),
        out,
        by_hand=by_hand,
        origin=origin,
        stand_ins=StandIns.load(stand_ins) if stand_ins else None,
        tell=print,
    )


if __name__ == "__main__":
    run(main)
