"""Table 1 (smiles) or Table 2 (domes): one row for each edit and method.

    python -m stages.tabulate_methods --table domes --measurements dome2spire.parquet \
        --measurements dome2tree.parquet --features dome2spire_features.parquet \
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
from palimpsest.pipeline.commands import named_files, named_texts, run
from palimpsest.pipeline.shared_options import IntervalsJson, PaperFile, TableFile
from palimpsest.settings import settings_from_json


class Table(StrEnum):
    SMILE = "smile"
    DOMES = "domes"


def main(
    table: Annotated[Table, typer.Option(help="Table to make.")],
    measurements: Annotated[
        list[Path],
        typer.Option(help="EDIT.parquet: measurements of an edit by every method; repeatable."),
    ],
    intervals: IntervalsJson,
    out: TableFile,
    model: Annotated[
        list[str] | None,
        typer.Option(help="EDIT=MODEL: generator of a measured edit, for Table 1; repeatable."),
    ] = None,
    features: Annotated[
        list[Path] | None,
        typer.Option(help="EDIT_features.parquet: features of the images; repeatable."),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(help="EDIT=FILE: features of photographs to compare with; repeatable."),
    ] = None,
    realism: Annotated[
        list[Path] | None, typer.Option(help="realism_EDIT.csv: judgements of an edit; repeatable.")
    ] = None,
    paper: PaperFile = None,
) -> None:
    """Write the table with intervals, and the paper's figures in columns beside ours."""
    settings = settings_from_json("--intervals", intervals, Intervals)
    vectors = {file.stem.removesuffix("_features"): file for file in features or []}
    judged = {file.stem.removeprefix("realism_"): file for file in realism or []}
    references = named_files("--reference", reference or [])
    needed = SMILE if table is Table.SMILE else DOMES
    measured = {
        edit: Measured.read(file, needed, vectors.get(edit), judged.get(edit), references.get(edit))
        for edit, file in ((file.stem, file) for file in measurements)
    }
    if table is Table.SMILE:
        models = named_texts("--model", model or [], "EDIT=MODEL")
        if models.keys() != measured.keys() or len(set(models.values())) < len(models):
            raise ParameterError(
                "--model: the table smile needs one EDIT=MODEL for each --measurements, each with "
                "a model of its own"
            )
        published = read_paper_figures(paper, TABLE1) if paper else {}
        of_models = {models[edit]: found for edit, found in measured.items()}
        rows = smile_table(of_models, settings, published)
    else:
        published = read_paper_figures(paper, TABLE2) if paper else {}
        rows = domes_table(measured, settings, published)
    write_table(rows, out)
    print(f"{out}: {len(rows)} rows")


if __name__ == "__main__":
    run(main)
