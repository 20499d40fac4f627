"""Table 3: watermarks left in the images, one row for each method.

    python -m stages.tabulate_watermarks --measurements watermarks.parquet \
        --intervals '{"level": 0.95, "resamples": 2000, "seed": 0}' --out table3_watermarks.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.errors import ParameterError
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.paper_figures import TABLE3, read_paper_figures
from palimpsest.experiments.watermarks.count import read_count_key, read_marks_of_people
from palimpsest.experiments.watermarks.measure import read_marks
from palimpsest.experiments.watermarks.table import watermarks_table
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import IntervalsJson, PaperFile, TableFile
from palimpsest.settings import settings_from_json


def main(
    measurements: Annotated[
        Path, typer.Option(help="Measurements by measure_watermarks (.parquet).")
    ],
    intervals: IntervalsJson,
    out: TableFile,
    paper: PaperFile = None,
    key: Annotated[
        Path | None, typer.Option(help="Key of a count by people, by make_count.")
    ] = None,
    answers: Annotated[
        list[Path] | None, typer.Option(help="Marks of one rater (.csv); repeatable.")
    ] = None,
) -> None:
    """Write how many images still show each watermark, corrected for the detectors' errors."""
    settings = settings_from_json("--intervals", intervals, Intervals)
    measured, errors = read_marks(measurements)
    published = read_paper_figures(paper, TABLE3) if paper else {}
    if answers and key is None:
        raise ParameterError("--answers: needs --key, the key that was made with the raters' page")
    people = None
    if key is not None:
        count = read_count_key(key)
        people = count, read_marks_of_people(answers or [], count)
    table = watermarks_table(measured, errors, settings, published, people)
    write_table(table, out)
    print(f"{out}: {len(table)} rows")


if __name__ == "__main__":
    run(main)
