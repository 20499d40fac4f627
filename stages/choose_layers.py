"""Tables of Appendix H: the layer probe, the layers it names, and the edits that check the choice.

    python -m stages.choose_layers --probe church=probe.parquet --edits church=edits.parquet \
        --intervals '{"level": 0.95, "resamples": 2000, "seed": 0}' --out-probe layer_probe.csv \
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
from palimpsest.pipeline.commands import named_files, run
from palimpsest.pipeline.shared_options import IntervalsJson
from palimpsest.settings import settings_from_json


def main(
    probe: Annotated[
        list[str], typer.Option(help="MODEL=FILE: measurements by probe_layers; repeatable.")
    ],
    intervals: IntervalsJson,
    out_probe: Annotated[Path, typer.Option(help="Table of the probe's distances (.csv).")],
    out_choice: Annotated[Path, typer.Option(help="Table of the chosen layers (.csv).")],
    out_edits: Annotated[Path, typer.Option(help="Table of the edits at every layer (.csv).")],
    edits: Annotated[
        list[str] | None,
        typer.Option(help="MODEL=FILE: measurements by try_layers; repeatable."),
    ] = None,
) -> None:
    """Write the three tables; the layers are chosen from the probe alone."""
    settings = settings_from_json("--intervals", intervals, Intervals)
    probes = {name: read_probe(file) for name, file in named_files("--probe", probe).items()}
    trials = {name: read_trials(file) for name, file in named_files("--edits", edits or []).items()}
    distances = probe_table(probes, settings.level)
    reached = edits_at_layers(trials, settings)
    chosen = choice_table(distances, reached)
    for table, out in ((distances, out_probe), (chosen, out_choice), (reached, out_edits)):
        write_table(table, out)
    for row in chosen.itertuples():
        print(f"{row.generator}: {row.layers or 'none'}; {row.why}")


if __name__ == "__main__":
    run(main)
