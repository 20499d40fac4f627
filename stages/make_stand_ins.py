"""Random stand-ins of the published files, in the same sizes and layouts.

    python -m stages.make_stand_ins --out stand-ins --file stylegan2_church-e8ca9fd0.pt
    python -m http.server --bind 127.0.0.1 --directory stand-ins 8765

With the manifest, a run at the scale `stand_ins` downloads them (docs/published-files.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.pipeline.commands import run
from palimpsest.published.catalogue import PUBLISHED_FILES
from palimpsest.published.stand_ins.manifest import NAME
from palimpsest.published.stand_ins.writing import write_stand_ins


def main(
    out: Annotated[Path, typer.Option(help="Folder for the stand-ins and manifest.json.")],
    file: Annotated[
        list[str] | None, typer.Option(help="Published file to replace; repeatable. [all]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed of the stand-ins.")] = 1,
) -> None:
    """Write the stand-ins and a manifest of their sha256 digests."""
    written = write_stand_ins(out, file or PUBLISHED_FILES, seed, print)
    print(f"{out / NAME}: {len(written.digests)} stand-ins")


if __name__ == "__main__":
    run(main)
