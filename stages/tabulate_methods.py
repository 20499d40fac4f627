"""Table 1 (who smiles) or Table 2 (what became of the domes): one row for each edit and method.

    python -m stages.tabulate_methods --table domes --measurements dome2spire.parquet \
        --measurements dome2tree.parquet --features dome2spire_features.parquet \
        --settings '{"level": 0.95, "resamples": 2000, "seed": 0}' --out table2_domes.csv
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from palimpsest.errors import ParameterError
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.comparison.table import (
    DOMES,
    SMILE,
    Measured,
    domes_table,
    smile_table,
)
from palimpsest.experiments.paper_figures import TABLE1, TABLE2, read_paper_figures
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import interval_settings, run


class Table(StrEnum):
    SMILE = "smile"
    DOMES = "domes"


def main(
    table: Annotated[Table, typer.Option(help="Which table.")],
    measurements: Annotated[list[Path], typer.Option(help="Measurements of an edit (.parquet).")],
    settings: Annotated[str, typer.Option(help="level, resamples, seed, as JSON.")],
    out: Annotated[Path, typer.Option(help="Table to write (.csv).")],
    features: Annotated[
        list[Path] | None, typer.Option(help="Features of an edit's images: EDIT_features.parquet.")
    ] = None,
    realism: Annotated[
        list[Path] | None, typer.Option(help="What judges said of an edit: realism_EDIT.csv.")
    ] = None,
    paper: Annotated[
        Path | None, typer.Option(help="The paper's own figures (.csv), to stand beside.")
    ] = None,
) -> None:
    intervals = Intervals(**interval_settings(settings))
    vectors = {file.stem.removesuffix("_features"): file for file in features or []}
    judged = {file.stem.removeprefix("realism_"): file for file in realism or []}
    needed = SMILE if table is Table.SMILE else DOMES
    measured = {
        file.stem: Measured.read(file, needed, vectors.get(file.stem), judged.get(file.stem))
        for file in measurements
    }
    if table is Table.SMILE:
        if len(measured) != 1:
            raise ParameterError("--measurements: table smile is about one edit, given once")
        (only,) = measured.values()
        told = read_paper_figures(paper, TABLE1) if paper else {}
        rows = smile_table(only, intervals, told)
    else:
        told = read_paper_figures(paper, TABLE2) if paper else {}
        rows = domes_table(measured, intervals, told)
    write_table(rows, out)
    print(f"{out}: {len(rows)} rows")


if __name__ == "__main__":
    run(main)
