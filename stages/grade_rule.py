"""Measure whether a rule is in a generator: change a window's features, watch its reflection.

    python -m stages.grade_rule --model kitchen --weights kitchen.safetensors \
        --segmenter kitchen-segmenter.safetensors --samples 200 --seed 4 --out causal_rule.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.experiments.reflections.causal_rule import grade_rule
from palimpsest.files.tables import write_table
from palimpsest.generators import load_generator
from palimpsest.instruments.segmenters.world_segmenter import WorldSegmenter
from palimpsest.pipeline.commands import run
from palimpsest.worlds import get_world


def main(
    model: Annotated[str, typer.Option(help="Name of the generator in the rows.")],
    weights: Annotated[Path, typer.Option(help="The generator.")],
    segmenter: Annotated[Path, typer.Option(help="A segmenter of the world it learned.")],
    out: Annotated[Path, typer.Option(help="Table to write (.csv).")],
    units_of: Annotated[str, typer.Option(help="The class whose units are switched on.")] = (
        "window"
    ),
    layer: Annotated[int, typer.Option(help="Whose values are changed.")] = 4,
    units: Annotated[int, typer.Option(help="How many units are switched on.", min=1)] = 20,
    samples: Annotated[int, typer.Option(help="How many scenes.", min=1)] = 200,
    seed: Annotated[int, typer.Option(help="Of the samples.")] = 4,
    dissected: Annotated[int, typer.Option(help="Samples that find the units.", min=1)] = 500,
) -> None:
    generator, labels = load_generator(weights), WorldSegmenter.load(segmenter)
    with tqdm(total=samples, desc=f"rule of {model}", unit="image", mininterval=2) as bar:
        table = grade_rule(
            generator,
            labels,
            get_world(labels.world),
            units_of=units_of,
            layer=layer,
            units=units,
            n=samples,
            seed=seed,
            dissected=dissected,
            progress=bar.update,
        )
    table.insert(0, "model", model)
    table["segmenter"] = labels.name
    write_table(table, out)


if __name__ == "__main__":
    run(main)
