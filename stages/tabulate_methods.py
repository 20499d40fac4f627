"""Table 1 (smiles) or Table 2 (domes): one row for each edit and method.

    python -m stages.tabulate_methods --table domes \
        --measurements church/dome2spire=dome2spire.parquet \
        --features church/dome2spire=dome2spire_features.parquet \
        --intervals '{"level": 0.95, "resamples": 2000, "seed": 0}' --out table2_domes.csv
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from palimpsest.errors import ParameterError
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.comparison.tables_1_and_2 import (
    DOMES,
    SMILE,
    Measured,
    domes_table,
    smile_table,
)
from palimpsest.experiments.paper_figures import TABLE1, TABLE2, read_paper_figures
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import named_files, run
from palimpsest.pipeline.shared_options import IntervalsJson, PaperFile, TableFile
from palimpsest.settings import settings_from_json


class Table(StrEnum):
    SMILE = "smile"
    DOMES = "domes"


def main(
    table: Annotated[Table, typer.Option(help="Table to make.")],
    measurements: Annotated[
        list[str],
        typer.Option(
            help="MODEL/EDIT=FILE: measurements of an edit by every method (.parquet); repeatable."
        ),
    ],
    intervals: IntervalsJson,
    out: TableFile,
    features: Annotated[
        list[str] | None,
        typer.Option(help="MODEL/EDIT=FILE: features of the images (.parquet); repeatable."),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(help="MODEL/EDIT=FILE: features of photographs to compare with; repeatable."),
    ] = None,
    realism: Annotated[
        list[str] | None,
        typer.Option(help="MODEL/EDIT=FILE: judgements of an edit (.csv); repeatable."),
    ] = None,
    paper: PaperFile = None,
) -> None:
    """Write the table with intervals, and the paper's figures in columns beside ours."""
    settings = settings_from_json("--intervals", intervals, Intervals)
    needed = SMILE if table is Table.SMILE else DOMES
    vectors = _by_edit("--features", features)
    judged = _by_edit("--realism", realism)
    photographs = _by_edit("--reference", reference)
    measured = {
        edit: Measured.read(
            file, needed, vectors.get(edit), judged.get(edit), photographs.get(edit)
        )
        for edit, file in _by_edit("--measurements", measurements).items()
    }
    if table is Table.SMILE:
        published = read_paper_figures(paper, TABLE1) if paper else {}
        rows = smile_table(measured, settings, published)
    else:
        published = read_paper_figures(paper, TABLE2) if paper else {}
        rows = domes_table(measured, settings, published)
    write_table(rows, out)
    print(f"{out}: {len(rows)} rows")


def _by_edit(option: str, texts: list[str] | None) -> dict[tuple[str, str], Path]:
    """The files of MODEL/EDIT=FILE texts by (model, edit), in the order given."""
    found = {}
    for name, file in named_files(option, texts or []).items():
        model, _, edit = name.partition("/")
        if not (model and edit):
            raise ParameterError(f"{option}: {name!r} is not MODEL/EDIT")
        found[model, edit] = file
    return found


if __name__ == "__main__":
    run(main)
