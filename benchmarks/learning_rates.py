"""Scores of the baselines at several learning rates, on tuning samples of the measured sessions.

    python -m benchmarks.learning_rates                   # after make figures; half an hour
    python -m benchmarks.learning_rates --methods projected_gradient,direct_lambda

A method has one learning rate for all its edits, as in the paper; `params.yaml` has the one whose
mean score over the sessions is highest. The score is like that of `palimpsest`, without a critic:
effect, minus 5 times the share of labels changed outside, minus the mean distance outside. Effect
is what the tables count: removed pixels and converted images, half each, or the images that show
the attribute. The samples are the first of the seed that `palimpsest` is tuned on, which is never
the one of those that are measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch

from palimpsest.experiments.comparison.measure import Change, RewrittenGenerator, measure
from palimpsest.generators import Generator, load_generator
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.instruments.loading import load_classifier, load_segmenter
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory import KeyStatistics
from palimpsest.methods.choosing.judges import OUTSIDE_WEIGHT
from palimpsest.methods.registry import METHODS, edit_by
from palimpsest.pipeline.parameters.loading import load_parameters
from palimpsest.pipeline.plan import Plan
from palimpsest.sessions import Session
from palimpsest.settings import validated

OF_ONE_LAYER = (0.001, 0.003, 0.01, 0.03)
RATES = {
    "projected_gradient": OF_ONE_LAYER,
    "direct_lambda": OF_ONE_LAYER,
    "single_context": OF_ONE_LAYER,
    "single_layer": (0.00003, 0.0001, 0.0003, *OF_ONE_LAYER),
    "finetune_all": (0.00003, 0.0001, 0.0003),
}
"""The learning rates tried of each method."""

SAMPLES = 240


def made(
    plan: Plan, model: str, session: str, method: str, g: Generator, segmenter: Segmenter
) -> Iterator[tuple[float, RewrittenGenerator]]:
    """The generator at each learning rate, with that rate."""
    drawn = Session.load(plan.session_file(model, session))
    settings, by = plan.method_settings(model, session, method), METHODS[method]
    there = drawn.at_layer(plan.session_layer(model, session))
    stats = KeyStatistics.load(plan.session_statistics_file(model, session))
    distance = PerceptualDistance(segmenter) if by.uses_segmenter else None
    for rate in RATES[method]:
        asked = {**settings, "learning_rate": rate}
        if by.makes == "edit":
            edit = edit_by(method, g, there, stats, **asked)
            yield rate, RewrittenGenerator(method, edit.apply(g), edit.layer)
        else:
            tuned = by.run(g, drawn, distance, validated(method, asked, by.settings), iter)
            yield rate, RewrittenGenerator(method, tuned.generator, tuned.layer)


def scored(table: pd.DataFrame, attribute: bool) -> dict[str, float]:
    outside = table["outside_pixels"].sum()
    kept = table["kept_pixels"].sum() / outside
    distance = table["perceptual_outside"].mean()
    if attribute:
        effect = table["shows"].astype(float).mean()
    else:
        showing = table[table["source_pixels"] > 0]
        removed = showing["removed_pixels"].sum() / showing["source_pixels"].sum()
        effect = (removed + showing["converted"].dropna().astype(float).mean()) / 2
    value = effect - OUTSIDE_WEIGHT * (1 - kept) - distance
    return {"value": value, "effect": effect, "kept": kept, "distance": distance}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", default=",".join(RATES))
    parser.add_argument("--sessions", default="")
    given = parser.parse_args()
    torch.set_num_threads(1)
    plan = Plan.read(load_parameters("params.yaml", "workflow/scales"), Path("."))
    print("| session | method | learning rate | score | effect | labels kept | distance |")
    print("|---|---|---|---|---|---|---|", flush=True)
    wanted = given.sessions.split(",") if given.sessions else plan.measured_sessions
    found: dict[tuple[str, float], list[float]] = {}
    for session in wanted:
        one = plan.measured_sessions[session]
        g = load_generator(plan.weights(one.model), truncation=plan.session_truncation(*one))
        segmenter = load_segmenter(plan.segmenter(one.model))
        classes = plan.measured_change(*one)
        classifiers = [load_classifier(file) for file in plan.classifier_files(*one)]
        change = Change(classes.source, classes.targets, *classifiers)
        for method in given.methods.split(","):
            for rate, other in made(plan, *one, method, g, segmenter):
                table = measure(
                    *(g, segmenter, PerceptualDistance(segmenter), [other], change),
                    n=SAMPLES,
                    seed=plan.parameters.methods.palimpsest.tuning_seed,
                )
                told = scored(table[table["method"] == method], bool(classifiers))
                found.setdefault((method, rate), []).append(told["value"])
                cells = [session, method, f"{rate:g}", f"{told['value']:.3f}"]
                cells += [f"{told['effect']:.1%}", f"{told['kept']:.2%}", f"{told['distance']:.4f}"]
                print(f"| {' | '.join(cells)} |", flush=True)
    print("\n| method | learning rate | mean score |\n|---|---|---|")
    for (method, rate), values in found.items():
        print(f"| {method} | {rate:g} | {sum(values) / len(values):.3f} |")


if __name__ == "__main__":
    main()
