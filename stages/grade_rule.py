"""Whether a rule is in a generator: a window's features are changed, its reflection measured.

    python -m stages.grade_rule --model kitchen --weights kitchen.safetensors \
        --segmenter kitchen-segmenter.safetensors --out causal_rule.csv \
        --settings '{"units_of": "window", "layer": 4, "units": 20, "dissected": 500,
                     "samples": 200, "seed": 4}'
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.experiments.reflections.causal_rule import grade_rule
from palimpsest.experiments.reflections.settings import RuleGradeSettings
from palimpsest.files.tables import write_table
from palimpsest.generators import load_generator
from palimpsest.instruments.segmenters.world_segmenter import WorldSegmenter
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import Model, TableFile, Weights
from palimpsest.settings import settings_from_json
from palimpsest.worlds import get_world


def main(
    model: Model,
    weights: Weights,
    segmenter: Annotated[
        Path, typer.Option(help="Segmenter of the world that the generator learned.")
    ],
    settings: Annotated[
        str,
        typer.Option(
            help="How to test for the rule, as JSON: units_of (class), layer, units, dissected,"
            " samples, seed."
        ),
    ],
    out: TableFile,
) -> None:
    """Write one row for each kind of change: how much of the natural reflection follows it."""
    how = settings_from_json("--settings", settings, RuleGradeSettings)
    generator, labels = load_generator(weights), WorldSegmenter.load(segmenter)
    with tqdm(total=how.samples, desc=f"rule of {model}", unit="image", mininterval=2) as bar:
        table = grade_rule(generator, labels, get_world(labels.world), how, bar.update)
    table.insert(0, "model", model)
    table["segmenter"] = labels.name
    write_table(table, out)


if __name__ == "__main__":
    run(main)
