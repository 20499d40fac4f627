"""Copies of tables and reduced figures for readers of the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from palimpsest.errors import PalimpsestError
from palimpsest.files.atomic import atomic_path, atomic_write_bytes
from palimpsest.files.panels import SHOWS_PHOTOGRAPHS
from palimpsest.pipeline.commands import run
from palimpsest.report.figures import facts_of

LEFT_OUT = (
    "This figure is not copied here, because it shows photographs, which are not part of this "
    "project (docs/photographs.md); `make figures` draws it.\n\n"
)
"""Put before the caption of a figure that shows photographs."""


def main(
    tables: Annotated[Path, typer.Option(help="Folder of tables (CSV).")],
    figures: Annotated[Path, typer.Option(help="Folder of figures (PNG) and captions (txt).")],
    out: Annotated[Path, typer.Option(help="Folder to copy to.")],
    width: Annotated[int, typer.Option(help="Largest width of a figure in pixels.")] = 1200,
) -> None:
    """Copy tables, captions and reduced figures, but no figure that shows photographs."""
    pictures = sorted(figures.glob("*.png"))
    texts = sorted([*tables.glob("*.csv"), *figures.glob("*.txt")])
    if not pictures or not texts:
        raise PalimpsestError(f"{tables}, {figures}: no tables or no figures; make them first")
    private = {file.stem for file in pictures if facts_of(file).get(SHOWS_PHOTOGRAPHS)}
    for file in texts:
        before = LEFT_OUT if file.suffix == ".txt" and file.stem in private else ""
        atomic_write_bytes(out / file.name, before.encode() + file.read_bytes())
    for file in sorted(figures.glob("*.webp")):
        atomic_write_bytes(out / file.name, file.read_bytes())
    for file in pictures:
        if file.stem in private:
            continue
        with Image.open(file) as original:
            picture, entries = original.convert("RGB"), PngInfo()
            for entry, text in original.text.items():  # the facts of the figure are kept
                entries.add_text(entry, text)
        if picture.width > width:
            height = round(picture.height * width / picture.width)
            picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        with atomic_path(out / file.name) as path:
            picture.save(path, optimize=True, pnginfo=entries)


if __name__ == "__main__":
    run(main)
