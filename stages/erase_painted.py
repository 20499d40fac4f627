"""The edits that Table 3 compares, from a session in which people painted the marks.

    python -m stages.erase_painted --weights stylegan2_church-e8ca9fd0.pt \
        --session masks/multikey_markandbottom.json --statistics layer6.safetensors \
        --out-edit rank_one=rank_one.safetensors --out-edit zero_30_units=zero_30_units.safetensors

The edits are zero_30_units, zero_60_units (one for each number in ``units``, out of 512), rank_one
(with the first of these numbers silent in its goal) and rank_one_30_units (with the next). No
segmenter is needed; where a world's labels the marks, use ``stages.erase_watermarks``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.experiments.watermarks.by_session import session_edits
from palimpsest.experiments.watermarks.settings import SessionErasing
from palimpsest.generators import load_generator
from palimpsest.memory import KeyStatistics
from palimpsest.pipeline.commands import named_files, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import StatisticsFile, Weights
from palimpsest.sessions import load_session
from palimpsest.settings import settings_from_json


def main(
    weights: Weights,
    statistics: StatisticsFile,
    session: Annotated[Path, typer.Option(help="Session whose context is the painted marks.")],
    out_edit: Annotated[list[str], typer.Option(help="NAME=FILE: edit to write; repeatable.")],
    settings: Annotated[
        str,
        typer.Option(help="How to erase, as JSON: units, repeats, iterations, learning_rate."),
    ] = "{}",
    device: Device = "cpu",
) -> None:
    """Write the named edits, all of one layer, the layer of the statistics."""
    how = settings_from_json("--settings", settings, SessionErasing)
    files = named_files("--out-edit", out_edit, how.edits)
    drawn = load_session(session)
    stats = KeyStatistics.load(statistics)
    layer, truncation = stats.collected_at(statistics)
    generator = load_generator(weights, truncation=truncation).to(computing_device(device))
    edits = session_edits(generator, layer, drawn, stats, how)
    # all edits are made before any is written, so that a failure leaves no partial set
    for name, file in files.items():
        edits[name].save(file)
        print(f"{name}: layer {layer}, rank {edits[name].rank}")


if __name__ == "__main__":
    run(main)
