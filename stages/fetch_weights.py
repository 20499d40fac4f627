"""Fetch one published checkpoint and verify it against the hash in its name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.commands import run
from palimpsest.download import fetch
from palimpsest.generators.published import get_published


def main(
    name: Annotated[
        str, typer.Option(help="Published file name, such as stylegan2_...-xxxxxxxx.pt.")
    ],
    out: Annotated[Path, typer.Option(help="Where to put it.")],
    origin: Annotated[
        str | None, typer.Option(help="Folder URL of a mirror; the published one if not given.")
    ] = None,
) -> None:
    """Go on from what an earlier run has fetched; retry, and show progress."""
    published = get_published(name)
    url = f"{origin.rstrip('/')}/{name}" if origin else published.url
    fetch(url, out, published.sha256_prefix)


if __name__ == "__main__":
    run(main)
