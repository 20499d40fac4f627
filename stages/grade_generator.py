"""Grade a mini generator against its world: a table of figures, and a panel of images.

    python -m stages.grade_generator --model church --weights church.safetensors \
        --segmenter church-segmenter.safetensors --samples 1000 --seed 4 \
        --out-table church.csv --out-panel figS3_generator_church.npz
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.experiments.grading.generator_grades import grade_generator
from palimpsest.files.panels import save_panel
from palimpsest.files.tables import write_table
from palimpsest.generators import load_generator
from palimpsest.instruments.loading import load_classifier, load_segmenter
from palimpsest.pipeline.commands import run
from palimpsest.worlds import get_world


def main(
    model: Annotated[str, typer.Option(help="Name of the generator in the rows.")],
    weights: Annotated[Path, typer.Option(help="The generator.")],
    segmenter: Annotated[Path, typer.Option(help="A segmenter of the world it learned.")],
    out_table: Annotated[Path, typer.Option(help="Grades to write (.csv).")],
    out_panel: Annotated[Path, typer.Option(help="Images to write (.npz).")],
    classifier: Annotated[
        list[Path] | None, typer.Option(help="What else is told of its images (.safetensors).")
    ] = None,
    samples: Annotated[int, typer.Option(help="How many images.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the samples.")] = 4,
    batch: Annotated[int, typer.Option(help="Images at a time.")] = 32,
) -> None:
    """Compare what the generator makes of each z with what its world renders from it."""
    generator = load_generator(weights)
    labels = load_segmenter(segmenter)
    with tqdm(total=samples, desc=f"grade {model}", unit="image", mininterval=2) as bar:
        grades = grade_generator(
            generator,
            labels,
            get_world(labels.world),
            n=samples,
            seed=seed,
            classifiers=[load_classifier(file) for file in classifier or []],
            batch=batch,
            progress=bar.update,
        )
    table = grades.table
    table.insert(0, "model", model)
    write_table(table, out_table)
    facts = {
        "model": model,
        "world": labels.world,
        "n": len(grades.generated),
        "seed": seed,
        "weights_sha256": generator.weights_sha256,
    }
    save_panel(out_panel, {"generated": grades.generated, "rendered": grades.rendered}, facts)


if __name__ == "__main__":
    run(main)
