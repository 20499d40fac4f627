"""Grades of a mini generator against its world: a table, and a panel of images.

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
from palimpsest.pipeline.shared_options import Batch, Model, PanelFile, Samples, Seed, Weights
from palimpsest.worlds import get_world


def main(
    model: Model,
    weights: Weights,
    segmenter: Annotated[
        Path, typer.Option(help="Segmenter of the world that the generator learned.")
    ],
    out_table: Annotated[Path, typer.Option(help="Table of grades to write (.csv).")],
    out_panel: PanelFile,
    classifier: Annotated[
        list[Path] | None, typer.Option(help="Classifier of an attribute; repeatable.")
    ] = None,
    samples: Samples = 1000,
    seed: Seed = 4,
    batch: Batch = 32,
) -> None:
    """Write how well generated images match the world's renders of the same z."""
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
