"""Held-out renders reproduced, edited and compared with the truth, and the panel of Figure S10.

    python -m stages.measure_renders --weights church.safetensors --world church \
        --segmenter church-segmenter.safetensors --edit dome2spire=dome2spire.safetensors \
        --settings '{...}' --out renders.parquet --out-panel figS10_renders.npz
"""

from __future__ import annotations

from typing import Annotated

import typer

from palimpsest.errors import ParameterError
from palimpsest.experiments.counterfactuals.new_rules import NewRule
from palimpsest.experiments.photographs.panels import renders_panel
from palimpsest.experiments.photographs.renders import measure_renders
from palimpsest.experiments.photographs.settings import RenderSettings
from palimpsest.files.measurements import write_measurements
from palimpsest.files.panels import save_panel
from palimpsest.generators import load_generator
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory import Edit
from palimpsest.pipeline.commands import named_files, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import (
    ComparingSegmenter,
    Measurements,
    PanelFile,
    Scale,
    Truncation,
    Weights,
    WorldName,
)
from palimpsest.settings import settings_from_json
from palimpsest.worlds import get_world


def main(
    weights: Weights,
    segmenter: ComparingSegmenter,
    world: WorldName,
    edit: Annotated[str, typer.Option(help="RULE=FILE: edit by the session of that rule.")],
    settings: Annotated[str, typer.Option(help="Renders, inversion and adaptation, as JSON.")],
    out: Measurements,
    out_panel: PanelFile,
    truncation: Truncation = 1.0,
    scale: Scale = "",
    device: Device = "cpu",
) -> None:
    """Write one row for each render and picture, and the panel of all renders."""
    chosen = settings_from_json("--settings", settings, RenderSettings)
    ((session, file),) = named_files("--edit", [edit]).items()
    place = computing_device(device)
    g = load_generator(weights, truncation=truncation).to(place)
    if g.kind != "stylegan2":
        raise ParameterError(f"{weights}: a {g.kind}; renders are inverted in a StyleGAN2")
    distance = PerceptualDistance(load_segmenter(segmenter)).to(place)
    rule = Edit.load(file)
    measured = measure_renders(g, rule, NewRule(get_world(world), session), distance, chosen)
    table = measured.table.assign(session=session, seed=chosen.seed, scale=scale)
    table["perceptual"] = distance.name
    facts = {"weights_sha256": g.weights_sha256, "truncation": str(truncation)}
    write_measurements(table, out, facts)
    arrays, about = renders_panel(measured)
    facts |= {"session": session, "layer": rule.layer, "seed": chosen.seed}
    save_panel(out_panel, arrays, facts | about)


if __name__ == "__main__":
    run(main)
