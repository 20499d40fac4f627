"""The edits that Table 3 compares: units silenced, and rank-one rules that erase marks.

    python -m stages.erase_watermarks --weights church.safetensors --statistics layer5.safetensors \
        --segmenter church-segmenter.safetensors --settings '{"units": [30, 60], "mu": 1.0}' \
        --out-edit zero_30_units=zero_30_units.safetensors --out-edit rank_one=rank_one.safetensors

The edits are zero_30_units, zero_60_units (one for each number in ``units``, out of 512), rank_one
(one rule for all marks), rank_one_images (one that images decide), rank_one_each (a rule for each
mark, one after the other) and oracle_rank_one (the best rule that knows the truth, which only a
model with a world has).
"""

from __future__ import annotations

from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.drawing.survey import survey_samples
from palimpsest.errors import ParameterError
from palimpsest.experiments.watermarks.by_images import NAME as BY_IMAGES
from palimpsest.experiments.watermarks.by_images import rule_by_images
from palimpsest.experiments.watermarks.erase import (
    erase,
    joined,
    open_marks,
    painted_marks,
    spared_statistics,
)
from palimpsest.experiments.watermarks.oracle import NAME as ORACLE
from palimpsest.experiments.watermarks.oracle import oracle_rule
from palimpsest.experiments.watermarks.settings import ErasingSettings
from palimpsest.generators import load_generator
from palimpsest.instruments.detectors.watermarks import MARKS
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory import KeyStatistics
from palimpsest.methods.baselines.unit_ablation import ablate_units, scaled_count, specific_units
from palimpsest.pipeline.commands import named_files, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import SegmenterFile, StatisticsFile, Weights
from palimpsest.settings import settings_from_json
from palimpsest.worlds import get_world


def main(
    weights: Weights,
    statistics: StatisticsFile,
    segmenter: SegmenterFile,
    out_edit: Annotated[list[str], typer.Option(help="NAME=FILE: edit to write; repeatable.")],
    settings: Annotated[
        str,
        typer.Option(
            help="How to erase, as JSON: units, contexts, samples, seed, mu, iterations,"
            " statistics_samples, images, oracle."
        ),
    ] = "{}",
    world: Annotated[
        str | None, typer.Option(help="World that the model learned, for oracle_rank_one.")
    ] = None,
    device: Device = "cpu",
) -> None:
    """Write the named edits, all of one layer, the layer of the statistics."""
    how = settings_from_json("--settings", settings, ErasingSettings)
    files = named_files("--out-edit", out_edit, how.edits)
    if ORACLE in files and world is None:
        raise ParameterError(f"--out-edit {ORACLE}: needs --world, which knows the truth")
    stats = KeyStatistics.load(statistics)
    layer, truncation = stats.collected_at(statistics)
    place = computing_device(device)
    generator = load_generator(weights, truncation=truncation).to(place)
    stats = KeyStatistics.load(statistics, expect={"weights_sha256": generator.weights_sha256})
    labels, marks, seed = load_segmenter(segmenter).to(place), tuple(MARKS.values()), how.seed
    survey = survey_samples(generator, labels, layer, how.samples, seed)
    spared = spared_statistics(generator, layer, marks, labels, how.statistics_samples, seed)
    counts = {given: scaled_count(given, stats.units) for given in how.units}

    def rule(of: tuple[str, ...], name: str, g=generator):
        context = open_marks(g, layer, painted_marks(survey, of, how.contexts), seed)
        return erase(
            context, stats, spared, labels, of, [*counts.values()], how.mu, how.iterations, name
        )

    context = open_marks(generator, layer, painted_marks(survey, marks, how.contexts), seed)
    order = specific_units(context.state.k, context.weights, stats)
    edits = {}
    for given, count in counts.items():
        name = f"zero_{given}_units"
        edits[name] = ablate_units(generator.layer(layer), order[:count], name)
    edits["rank_one"] = rule(marks, "rank_one")
    if BY_IMAGES in files:
        many = open_marks(generator, layer, painted_marks(survey, marks, how.images.contexts), seed)
        with tqdm(total=how.images.steps, desc=BY_IMAGES, unit="step", mininterval=5) as bar:
            edits[BY_IMAGES] = rule_by_images(
                *(many, survey, stats, spared, labels, marks, [*counts.values()], how.images, seed),
                progress=lambda step, loss: bar.update(),
            )
    each, changed = [], generator
    for mark in marks:
        each.append(rule((mark,), mark, changed))
        changed = each[-1].apply(changed)
    edits["rank_one_each"] = joined(each, "rank_one_each")
    if ORACLE in files:
        with tqdm(total=how.oracle.steps, desc="oracle", unit="step", mininterval=5) as bar:
            edits[ORACLE] = oracle_rule(
                *(generator, layer, get_world(world), "remove_watermark", how.oracle, seed),
                progress=lambda step, loss: bar.update(),
            )
    # all edits are made before any is written, so that a failure leaves no partial set
    for name, file in files.items():
        edit = edits[name]
        edit.save(file)
        about = edit.metadata.get("units") or edit.metadata.get("look") or ""
        print(f"{name}: layer {layer}, rank {edit.rank} {about}")


if __name__ == "__main__":
    run(main)
