"""The Fréchet distance of photographs' generators against the photographs shown in training.

    python -m stages.measure_training_curve --model photo_faces --weights early.safetensors \\
        --weights late.safetensors --parts photo_faces-parts.safetensors \\
        --reference photo_faces-reference.safetensors --out curve.csv --out-panel curve.npz
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.experiments.grading.training_curve import curve_panel, training_curve
from palimpsest.files.panels import save_panel
from palimpsest.files.tables import write_table
from palimpsest.generators import load_generator
from palimpsest.instruments.distances.frechet_reference import FrechetReference
from palimpsest.instruments.segmenters.photograph_parts import PhotographParts
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import Model, PanelFile, PartsFile, ReferenceFile, Seed


def main(
    model: Model,
    weights: Annotated[
        list[Path], typer.Option(help="Weights of one stage of the training; repeatable.")
    ],
    parts: PartsFile,
    reference: ReferenceFile,
    out: Annotated[Path, typer.Option(help="Table to write (.csv).")],
    out_panel: PanelFile,
    seed: Seed = 4,
) -> None:
    """Write one row for each file of weights, and the panel of the curve."""
    known = FrechetReference.load(reference)
    total = known.count * len(weights)
    with tqdm(total=total, desc=f"curve of {model}", unit="image", mininterval=2) as bar:
        table = training_curve(
            [load_generator(file) for file in weights],
            PhotographParts.load(parts),
            known,
            seed,
            progress=bar.update,
        )
    table.insert(0, "model", model)
    write_table(table, out)
    save_panel(out_panel, *curve_panel(table))


if __name__ == "__main__":
    run(main)
