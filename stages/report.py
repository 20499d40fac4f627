"""The report: one page with every table and figure.

python -m stages.report --table table2_domes.csv --figure fig01_rules.png --out report.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.files.atomic import atomic_write_text
from palimpsest.pipeline.commands import run
from palimpsest.report.page import render_page


def main(
    out: Annotated[Path, typer.Option(help="Page to write (.html).")],
    table: Annotated[list[Path] | None, typer.Option(help="Table (.csv); repeatable.")] = None,
    figure: Annotated[
        list[Path] | None,
        typer.Option(help="Figure (.png, .webp) with its caption beside it (.txt); repeatable."),
    ] = None,
) -> None:
    """Write the page; it refers to the figures by their relative paths."""
    atomic_write_text(out, render_page(table or [], figure or [], out))
    print(f"{out}: {len(table or [])} tables, {len(figure or [])} figures")


if __name__ == "__main__":
    run(main)
