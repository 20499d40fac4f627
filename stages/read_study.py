"""Table of a realism study's answers, one row for each method.

    python -m stages.read_study --key realism-key.csv --answers ann.csv --answers bob.csv \
        --out realism.csv

Without answers the table has its rows, but no numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.experiments.realism.study import read_answers, read_key, realism_table
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import TableFile


def main(
    key: Annotated[Path, typer.Option(help="Answer key of the study, by make_study.")],
    out: TableFile,
    answers: Annotated[
        list[Path] | None, typer.Option(help="Answers of one judge (.csv); repeatable.")
    ] = None,
) -> None:
    """Write how often each method was taken for the more realistic one, with intervals."""
    study = read_key(key)
    table = realism_table(study, read_answers(answers or [], study))
    write_table(table, out)


if __name__ == "__main__":
    run(main)
