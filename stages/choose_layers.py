"""Name the layers fit for editing, and hold the advice against the edits made at every layer.

    python -m stages.choose_layers --probe church=probe.parquet --edits church=edits.parquet \
        --settings '{"level": 0.95, "resamples": 2000, "seed": 0}' --out-probe layer_probe.csv \
        --out-choice layer_choice.csv --out-edits layer_edits.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.layers.tables import (
    choice_table,
    edits_at_layers,
    probe_table,
    read_probe,
    read_trials,
)
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import interval_settings, named_files, run


def main(
    probe: Annotated[list[str], typer.Option(help="NAME=FILE, what probe_layers wrote; repeat.")],
    settings: Annotated[str, typer.Option(help="level, resamples, seed, as JSON.")],
    out_probe: Annotated[Path, typer.Option(help="Table of the distances to write (.csv).")],
    out_choice: Annotated[Path, typer.Option(help="Table of the layers chosen to write (.csv).")],
    out_edits: Annotated[Path, typer.Option(help="Table of the edits to write (.csv).")],
    edits: Annotated[
        list[str] | None, typer.Option(help="NAME=FILE, what try_layers wrote; repeat.")
    ] = None,
) -> None:
    intervals = Intervals(**interval_settings(settings))
    probes = {name: read_probe(file) for name, file in named_files("--probe", probe).items()}
    trials = {name: read_trials(file) for name, file in named_files("--edits", edits or []).items()}
    distances = probe_table(probes, intervals.level)
    reached = edits_at_layers(trials, intervals)
    chosen = choice_table(distances, reached)
    for table, out in ((distances, out_probe), (chosen, out_choice), (reached, out_edits)):
        write_table(table, out)
    for row in chosen.itertuples():
        print(f"{row.generator}: {row.layers or 'none'}; {row.why}")


if __name__ == "__main__":
    run(main)
