"""What the paper's scale does, counted from the plan of its run.

    items = items_of(paper_plan("."))
    items[0].rule, items[0].count       # "measure", 10000

A `Unit` is work whose cost `benchmarks.scale_work` measures; an `Item` is how many of them a rule
does. The counts are those of the plan and its settings, so they change with them. Work that takes
minutes (fetching, tables, panels of figures) is not among the items.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from palimpsest.experiments.tradeoff.settings import SweepSettings
from palimpsest.methods.choosing.hard_cells import most_finer
from palimpsest.methods.choosing.refining import BATCH
from palimpsest.methods.registry import METHODS, names_of
from palimpsest.pipeline.parameters import merge, parse_parameters
from palimpsest.pipeline.plan import Plan
from palimpsest.pipeline.shards import most_shards
from palimpsest.published.paper_generators import PUBLISHED


@dataclass(frozen=True)
class Unit:
    """Work that is measured: ``work`` on a network of ``kind`` and ``pixels``; ``method`` of a
    solver; ``what`` of it (of `measure`: "sample" of all methods, or a further "edit")."""

    work: str
    pixels: int
    kind: str = "stylegan2"
    method: str = ""
    what: str = ""


@dataclass(frozen=True)
class Item:
    """``count`` units that a job of a rule does, or several jobs share; ``about`` names them.

    ``job``: items of the same job have the same; ``shards``: jobs that share the units.
    """

    rule: str
    job: str
    about: str
    count: int
    unit: Unit
    shards: int = 1


def paper_plan(folder: str | Path = ".") -> Plan:
    """The plan of a run at the paper's scale in a checkout."""
    folder = Path(folder)
    values: dict[str, Any] = {}
    for file in ("params.yaml", "workflow/scales/paper.yaml"):
        values = merge(values, yaml.safe_load((folder / file).read_text()))
    return Plan.read(parse_parameters(values), folder)


def planned_jobs(folder: str | Path = ".") -> dict[str, int]:
    """Jobs by rule in a dry run of Snakemake at the paper's scale, as if nothing was there."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--forceall", "--cores", "1"]
    done = subprocess.run(
        [*command, "--config", "scale=paper"], cwd=folder, capture_output=True, text=True
    )
    table = re.search(r"^job +count\n-+.*\n((?:\w+ +\d+\n)+)", done.stdout, re.MULTILINE)
    if done.returncode or table is None:
        raise RuntimeError(f"snakemake planned no jobs: {done.stderr[-400:]}")
    counts = {line.split()[0]: int(line.split()[1]) for line in table.group(1).splitlines()}
    return {rule: count for rule, count in counts.items() if rule not in ("total", "all")}


def items_of(plan: Plan) -> list[Item]:
    """The work of all rules whose cost grows with a number in the parameters."""
    return [
        *_measuring(plan),
        *_solving(plan),
        *_statistics(plan),
        *_layers(plan),
        *_tradeoff(plan),
        *_reflections(plan),
    ]


def _network(plan: Plan, model: str) -> tuple[int, str]:
    """Pixels and kind of a model's published generator."""
    about = PUBLISHED[Path(plan.weights(model)).name]
    return about.resolution, about.kind


def _measuring(plan: Plan) -> Iterator[Item]:
    for name, session in plan.measured_sessions.items():
        pixels, kind = _network(plan, session.model)
        unit = Unit("measure", pixels, kind, what="sample")
        n, shards = plan.parameters.measure.samples, plan.parameters.compute.shards
        yield Item("measure", name, "all methods", n, unit, min(shards, most_shards(n)))


def _solving(plan: Plan) -> Iterator[Item]:
    own = [(one, plan.own_method(*one), "rewrite") for one in plan.all_sessions]
    further = [
        (one, method, "tune_weights" if METHODS[method].makes == "weights" else "rewrite_method")
        for one in plan.measured_sessions.values()
        for method in names_of("edit", "weights")
        if method != plan.own_method(*one)
    ]
    for one, method, rule in (*own, *further):
        pixels, kind = _network(plan, one.model)
        settings = plan.method_settings(*one, method)
        job, about = f"{one.of_model} {method}", f"{one.session} by {method}"
        if method == "palimpsest":
            # a candidate's image is rendered and labelled, which an edit that is measured is too
            tried = len(settings["mu_grid"]) + len(settings["refining_strengths"])
            judged = settings["tuning_samples"] * tried
            if settings["hard_cells_weight"]:
                judged += settings["tuning_samples"] * most_finer(settings["mu_grid"])
                # rendered before and after, and labelled, to find the hard cells
                judged += settings["statistics_samples"]
            # forward and backward through the layers after the edit, as dear as three images;
            # once, as a published session has one exemplar (`refining.descents`)
            judged += settings["refining_steps"] * 2 * BATCH * 3
            judged *= len(plan.tried_layers(*one, method))
            yield Item(rule, job, about, judged, Unit("measure", pixels, kind, what="edit"))
        else:
            same = "projected_gradient" if method == "single_context" else method
            yield Item(rule, job, about, settings["iterations"], Unit("steps", pixels, kind, same))


def _statistics(plan: Plan) -> Iterator[Item]:
    samples = plan.parameters.statistics.samples
    for file in plan.statistics_files:
        model, layer = Path(file).parent.name, re.findall(r"\d+", Path(file).stem)[0]
        pixels, kind = _network(plan, model)
        unit = Unit("statistics", pixels, kind, what=f"layer {layer}")
        yield Item("key_statistics", file, f"{model}, layer {layer}", samples, unit)


def _layers(plan: Plan) -> Iterator[Item]:
    for model in plan.probed_models:
        pixels, kind = _network(plan, model)
        probe = plan.parameters.layer_probe.probe_of(model)
        yield Item("probe_layers", model, "pieces", probe.images, Unit("probe", pixels, kind))
        distances = (1 + len(probe.seeds)) * len(probe.layers) * len(probe.sizes)
        yield Item("probe_layers", model, "distances", distances, Unit("frechet", 256))
    how = plan.parameters.layer_probe.edit
    for model in plan.models_edited_at_every_layer:
        pixels, kind = _network(plan, model)
        trials = len(plan.parameters.layer_probe.probe_of(model).layers) * len(how.mus)
        unit = Unit("measure", pixels, kind, what="edit")
        yield Item("try_layers", model, f"{trials} edits", trials * how.samples, unit)


def _tradeoff(plan: Plan) -> Iterator[Item]:
    if plan.tradeoff_is_possible:
        about = plan.parameters.tradeoff
        pixels, kind = _network(plan, about.model)
        edits = SweepSettings(**about.grid.model_dump()).edits
        unit = Unit("measure", pixels, kind, what="edit")
        yield Item("sweep_tradeoff", about.model, f"{edits} edits", edits * about.samples, unit)


def _reflections(plan: Plan) -> Iterator[Item]:
    if plan.reflections_are_possible:
        about = plan.parameters.reflections
        pixels, kind = _network(plan, about.model)
        unit = Unit("inversion", pixels, kind)
        full = len(about.layers) * about.inversion.iterations
        for name, steps in (("whole", full), ("rank one", about.inversion.rank_iterations)):
            yield Item("invert_reflections", about.model, name, steps, unit)
