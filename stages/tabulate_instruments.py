"""Table of the grades that instruments carry in their files.

    python -m stages.tabulate_instruments --segmenter church-segmenter.safetensors \
        --classifier face-smile.safetensors --out instrument_grades.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.experiments.grading.instrument_grades import instruments_table
from palimpsest.files.tables import write_table
from palimpsest.instruments.loading import load_classifier, load_segmenter
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import TableFile


def main(
    out: TableFile,
    segmenter: Annotated[list[Path] | None, typer.Option(help="Segmenter; repeatable.")] = None,
    classifier: Annotated[
        list[Path] | None, typer.Option(help="Attribute classifier; repeatable.")
    ] = None,
) -> None:
    """Write one row for each instrument and grade."""
    instruments = [load_segmenter(file) for file in segmenter or []]
    instruments += [load_classifier(file) for file in classifier or []]
    table = instruments_table(instruments)
    write_table(table, out)
    print(f"{out}: {len(instruments)} instruments")


if __name__ == "__main__":
    run(main)
