"""Units of a class switched off and on, image by image, and the pictures of Figure S6.

    python -m stages.measure_units --weights church.safetensors \
        --segmenter church-segmenter.safetensors --settings '{...}' \
        --out units.parquet --out-panel units_pictures.npz
"""

from __future__ import annotations

from typing import Annotated

import typer

from palimpsest.experiments.units.measure import measure_units
from palimpsest.experiments.units.settings import UnitSettings
from palimpsest.files.measurements import write_measurements
from palimpsest.files.panels import save_panel
from palimpsest.generators import load_generator
from palimpsest.instruments.loading import load_segmenter
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import (
    Measurements,
    PanelFile,
    Scale,
    SegmenterFile,
    Truncation,
    Weights,
)
from palimpsest.settings import settings_from_json


def main(
    weights: Weights,
    segmenter: SegmenterFile,
    settings: Annotated[str, typer.Option(help="Units to switch and samples, as JSON.")],
    out: Measurements,
    out_panel: PanelFile,
    truncation: Truncation = 1.0,
    scale: Scale = "",
    device: Device = "cpu",
) -> None:
    """Write one row for each way to switch units and sample, and the pictures of the figure."""
    chosen = settings_from_json("--settings", settings, UnitSettings)
    place = computing_device(device)
    g = load_generator(weights, truncation=truncation).to(place)
    labels = load_segmenter(segmenter).to(place)
    measured = measure_units(g, labels, chosen, progress=lambda what: print(what, flush=True))
    table = measured.table.assign(seed=chosen.seed, scale=scale, segmenter=labels.name)
    facts = {"weights_sha256": g.weights_sha256, "truncation": str(truncation)}
    write_measurements(table, out, facts)
    save_panel(out_panel, measured.arrays, measured.facts | facts | {"n": chosen.samples})


if __name__ == "__main__":
    run(main)
