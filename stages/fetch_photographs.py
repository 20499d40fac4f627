"""The photographs that results on photographs need, fetched once and verified by their content.

python -m stages.fetch_photographs --out data/photographs/faces.zip
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.files.download import Patience
from palimpsest.pipeline.commands import run
from palimpsest.published.photograph_set import ADDRESS, PhotographManifest, obtain_photographs


def main(
    out: Annotated[Path, typer.Option(help="Archive to write (.zip).")],
    origin: Annotated[str, typer.Option(help="URL of the archive, at a mirror or elsewhere.")] = (
        ADDRESS
    ),
    manifest: Annotated[
        Path | None, typer.Option(help="Manifest of the photographs. [the project's own]")
    ] = None,
    attempts: Annotated[
        int, typer.Option(help="Failed requests in a row before giving up.", min=1)
    ] = 5,
    timeout: Annotated[
        float, typer.Option(help="Seconds without a byte that count as a failed request.", min=0.1)
    ] = 30.0,
) -> None:
    """Write the archive once its photographs are verified; an archive that is there is kept."""
    about = PhotographManifest.load(manifest) if manifest else PhotographManifest.shipped()
    patience = Patience(attempts=attempts, timeout=timeout)
    obtain_photographs(out, about, origin=origin, patience=patience)
    print(f"{out}: {about.count:,} photographs, verified")


if __name__ == "__main__":
    run(main)
