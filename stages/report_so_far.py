"""The report while a run goes on: what is made so far, and which parts are not made yet.

python -m stages.report_so_far --table table2_domes.csv --figure fig01_rules.png --page report.html
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from palimpsest.files.atomic import atomic_path
from palimpsest.pipeline.commands import run
from palimpsest.report.page import Run, is_unfinished, render_page

OLD = 1.0
"""Time of change of an unfinished page: older than any input, so that Snakemake makes it again."""


def main(
    page: Annotated[Path, typer.Option(help="Page to write (.html).")],
    table: Annotated[list[Path] | None, typer.Option(help="Table (.csv); repeatable.")] = None,
    figure: Annotated[
        list[Path] | None,
        typer.Option(help="Figure (.png, .webp) with its caption beside it (.txt); repeatable."),
    ] = None,
    every: Annotated[float, typer.Option(help="Seconds between two looks at the files.")] = 5.0,
) -> None:
    """Write the page whenever a table or figure is made; a complete page is never replaced."""
    files = [*(table or []), *(figure or [])]
    seen = None
    try:
        while True:
            now = [file.stat().st_mtime_ns if file.is_file() else None for file in files]
            if now != seen and _write(page, table or [], figure or [], Run.GOING_ON):
                seen = now
            time.sleep(every)
    finally:
        _write(page, table or [], figure or [], Run.ENDED)


def _write(page: Path, tables: list[Path], figures: list[Path], state: Run) -> bool:
    """Write an unfinished page in place of none or another unfinished one.

    Returns whether that was possible: files may come and go while they are read.
    """
    try:
        html = render_page(tables, figures, page, state)
    except FileNotFoundError:
        return False
    if not page.exists() or is_unfinished(page):
        with atomic_path(page) as target:
            target.write_text(html, encoding="utf-8")
            os.utime(target, (OLD, OLD))
    return True


if __name__ == "__main__":
    run(main)
