"""Grades of a generator of photographs, and a sheet of samples beside photographs (opt-in).

    python -m stages.grade_photographs --model photo_faces --weights photo_faces.safetensors \\
        --parts photo_faces-parts.safetensors --reference photo_faces-reference.safetensors \\
        --archive faces.zip --out-table grades.csv --out-sheet neighbours.png
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.experiments.grading.photograph_grades import grade_photographs, grading_images
from palimpsest.experiments.grading.settings import PhotographGrading
from palimpsest.files.atomic import atomic_path
from palimpsest.files.tables import write_table
from palimpsest.generators import load_generator
from palimpsest.generators.pictures import contact_sheet
from palimpsest.instruments.distances.frechet_reference import FrechetReference
from palimpsest.instruments.segmenters.photograph_parts import PhotographParts
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import Archive, Model, PartsFile, ReferenceFile, Weights
from palimpsest.settings import settings_from_json
from palimpsest.training.photographs import Photographs


def main(
    model: Model,
    weights: Weights,
    parts: PartsFile,
    reference: ReferenceFile,
    archive: Archive,
    out_table: Annotated[Path, typer.Option(help="Table of grades to write (.csv).")],
    out_sheet: Annotated[
        Path, typer.Option(help="Sheet to write (.png): samples, each before its neighbour.")
    ],
    settings: Annotated[
        str, typer.Option(help="Settings as JSON (params.yaml, photographs, grading).")
    ] = "{}",
) -> None:
    """Write the Fréchet distance with its floor, and how near samples are to photographs."""
    asked = settings_from_json("--settings", settings, PhotographGrading)
    known = FrechetReference.load(reference)
    photographs = Photographs.read(archive)
    total = grading_images(known, photographs, asked)
    with tqdm(total=total, desc=f"grade {model}", unit="image", mininterval=2) as bar:
        grades = grade_photographs(
            load_generator(weights),
            PhotographParts.load(parts),
            known,
            photographs,
            asked,
            progress=bar.update,
        )
    grades.table.insert(0, "model", model)
    write_table(grades.table, out_table)
    with atomic_path(out_sheet) as temporary:
        contact_sheet(grades.sheet, columns=8).save(temporary, "PNG")


if __name__ == "__main__":
    run(main)
