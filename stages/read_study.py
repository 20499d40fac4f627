"""Read what judges answered in a realism study: a table with a row for each method.

    python -m stages.read_study --key realism-key.csv --answers ann.csv --answers bob.csv \
        --out realism.csv

Without answers the table has its rows, and nothing in them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.experiments.realism.study import read_answers, read_key, realism_table
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import run


def main(
    key: Annotated[Path, typer.Option(help="The answer key that was made with the page.")],
    out: Annotated[Path, typer.Option(help="Table to write (.csv).")],
    answers: Annotated[
        list[Path] | None, typer.Option(help="What a judge saved (.csv); repeat.")
    ] = None,
) -> None:
    study = read_key(key)
    table = realism_table(study, read_answers(answers or [], study))
    write_table(table, out)


if __name__ == "__main__":
    run(main)
