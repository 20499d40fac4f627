"""Make the edits that Table 3 compares: units silenced, and rank-one rules that erase marks.

    python -m stages.erase_watermarks --weights church.safetensors --statistics layer5.safetensors \
        --segmenter church-segmenter.safetensors --settings '{"units": [30, 60], "mu": 1.0}' \
        --out-edit zero_30_units=zero_30_units.safetensors --out-edit rank_one=rank_one.safetensors

Makes zero_30_units, zero_60_units (one for each of ``units``, which are of 512), rank_one (one
rule, of all marks) and rank_one_each (a rule for each mark, one after the other).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.drawing.survey import survey_samples
from palimpsest.errors import ParameterError, StatisticsError
from palimpsest.experiments.watermarks.erase import (
    erase,
    joined,
    open_marks,
    painted_marks,
    spared_statistics,
)
from palimpsest.generators import load_generator
from palimpsest.instruments.detectors.watermarks import MARKS
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory import KeyStatistics
from palimpsest.methods.baselines.unit_ablation import ablate_units, scaled_count, specific_units
from palimpsest.pipeline.commands import json_settings, run
from palimpsest.pipeline.devices import Device, computing_device

DEFAULTS = {
    "units": [30, 60],
    "contexts": 10,
    "samples": 200,
    "seed": 1,
    "mu": 1.0,
    "iterations": 30,
    "statistics_samples": 200,
}


def main(
    weights: Annotated[Path, typer.Option(help="The generator.")],
    statistics: Annotated[Path, typer.Option(help="Key statistics of the layer to change.")],
    segmenter: Annotated[Path, typer.Option(help="What labels its images.")],
    out_edit: Annotated[list[str], typer.Option(help="NAME=PATH of an edit to write; repeat.")],
    settings: Annotated[str, typer.Option(help=f"Of {', '.join(DEFAULTS)}, as JSON.")] = "{}",
    device: Device = "cpu",
) -> None:
    asked = _settings(settings)
    files = _files(out_edit, asked["units"])
    stats = KeyStatistics.load(statistics)
    try:
        layer, truncation = int(stats.metadata["layer"]), float(stats.metadata["truncation"])
    except (KeyError, ValueError):
        raise StatisticsError(f"{statistics}: does not say its layer and truncation") from None
    place = computing_device(device)
    generator = load_generator(weights, truncation=truncation).to(place)
    stats = KeyStatistics.load(statistics, expect={"weights_sha256": generator.weights_sha256})
    labels, marks, seed = load_segmenter(segmenter).to(place), tuple(MARKS.values()), asked["seed"]
    survey = survey_samples(generator, labels, layer, asked["samples"], seed)
    spared = spared_statistics(generator, layer, marks, labels, asked["statistics_samples"], seed)
    counts = {given: scaled_count(given, stats.units) for given in asked["units"]}

    def rule(of: tuple[str, ...], name: str, g=generator):
        context = open_marks(g, layer, painted_marks(survey, of, asked["contexts"]), seed)
        solver = {"mu": asked["mu"], "iterations": asked["iterations"]}
        return erase(context, stats, spared, labels, of, [*counts.values()], session=name, **solver)

    context = open_marks(generator, layer, painted_marks(survey, marks, asked["contexts"]), seed)
    order = specific_units(context.state.k, context.weights, stats)
    edits = {}
    for given, count in counts.items():
        name = f"zero_{given}_units"
        edits[name] = ablate_units(generator.layer(layer), order[:count], name)
    edits["rank_one"] = rule(marks, "rank_one")
    each, changed = [], generator
    for mark in marks:
        each.append(rule((mark,), mark, changed))
        changed = each[-1].apply(changed)
    edits["rank_one_each"] = joined(each, "rank_one_each")
    # all are made before any is written: one that fails leaves no half of a set
    for name, file in files.items():
        edit = edits[name]
        edit.save(file)
        told = edit.metadata.get("units") or edit.metadata.get("look") or ""
        print(f"{name}: layer {layer}, rank {edit.rank} {told}")


def _files(texts: list[str], units: list[int]) -> dict[str, Path]:
    """NAME=PATH texts by name. Raises `ParameterError` for a name that no edit has."""
    names = [*(f"zero_{count}_units" for count in units), "rank_one", "rank_one_each"]
    files = {}
    for text in texts:
        name, _, path = text.partition("=")
        if name not in names or not path:
            raise ParameterError(f"--out-edit {text!r}: is not NAME=PATH, of {', '.join(names)}")
        files[name] = Path(path)
    return files


def _settings(text: str) -> dict:
    given = json_settings("--settings", text)
    if unknown := sorted(given.keys() - DEFAULTS.keys()):
        raise ParameterError(f"--settings: {unknown[0]} is unknown; known: {sorted(DEFAULTS)}")
    asked = {**DEFAULTS, **given}
    if not (isinstance(asked["units"], list) and asked["units"]):
        raise ParameterError("--settings: units must be a list of numbers, such as [30, 60]")
    for name in sorted(DEFAULTS.keys() - {"units", "mu", "seed"}):
        if not (isinstance(asked[name], int) and asked[name] >= 1):
            raise ParameterError(f"--settings: {name} = {asked[name]} must be a count from 1 on")
    return asked


if __name__ == "__main__":
    run(main)
