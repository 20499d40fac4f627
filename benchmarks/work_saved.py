"""Work that a stage no longer does: CPU seconds with it and without, by turns, and the results.

    OMP_NUM_THREADS=1 python -m benchmarks.work_saved candidates MODEL/SESSION...
    OMP_NUM_THREADS=1 python -m benchmarks.work_saved pasted_picture

`candidates`: the method `palimpsest` as it is, and with every candidate of its last round judged on
all tuning samples. Needs the sessions and statistics that `make figures` leaves behind.
`pasted_picture`: steps of `finetune_all` on the church with the features of the wanted picture
computed once, and in every step.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import yaml

from palimpsest.generators import load_generator, sample_z
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.methods.baselines import weight_tuning
from palimpsest.methods.baselines.pasting import PastedImage
from palimpsest.methods.choosing.choose import choose
from palimpsest.methods.choosing.judges import LabelJudge
from palimpsest.pipeline.parameters import parse_parameters
from palimpsest.pipeline.plan import Plan
from palimpsest.sessions import Session

TURNS = 3
STEPS = 10


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    made = work()
    return time.process_time() - began, made


def candidates(*names: str) -> None:
    plan = Plan.read(parse_parameters(yaml.safe_load(Path("params.yaml").read_text())), ".")
    print("| session | images judged | with all | CPU s | with all | same edit |")
    print("|---|---|---|---|---|---|")
    for name in names:
        model, session = name.split("/")
        g = load_generator(plan.weights(model))
        stats = KeyStatistics.load(plan.session_statistics_file(model, session))
        segmenter = load_segmenter(plan.segmenter(model))
        drawn = Session.load(plan.session_file(model, session))
        settings = plan.method_settings(model, session)
        g.weights_sha256  # noqa: B018 (hashed once for a generator)
        judged = [0]
        counts = LabelJudge._counts

        def counted(self: LabelJudge, weight: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
            judged[-1] += len(numbers)  # noqa: B023 (used within the turn)
            return counts(self, weight, numbers)  # noqa: B023

        def search() -> Edit:
            return choose(g, drawn, stats, segmenter, **settings)  # noqa: B023

        with mock.patch.object(LabelJudge, "_counts", counted):
            seconds, edit = timed(search)
            judged.append(0)
            with mock.patch.object(LabelJudge, "bound", lambda *_: math.inf):
                in_full, other = timed(search)
        same = edit.coefficients.equal(other.coefficients)
        print(
            f"| {name} | {judged[0]} | {judged[1]} | {seconds:.1f} | {in_full:.1f} | {same} |",
            flush=True,
        )


def pasted_picture() -> None:
    g = load_generator("data/weights/mini/church.safetensors")
    distance = PerceptualDistance(load_segmenter("data/weights/mini/church-segmenter.safetensors"))
    z = sample_z(g, 2)
    with torch.no_grad():
        goal = PastedImage(z=z[:1], image=g(z[1:]), original=g(z[:1]), alpha=torch.ones(1))

    def tuned() -> dict[str, torch.Tensor]:
        made = weight_tuning.tune_all(g, goal, distance, iterations=STEPS)
        return made.generator.state_dict()

    ratios, same = [], True
    for _ in range(TURNS):
        once, by_one = timed(tuned)
        with mock.patch.object(weight_tuning, "_prepared", lambda distance, images: images):
            anew, by_other = timed(tuned)
        ratios.append(anew / once)
        same &= all(torch.equal(by_one[key], by_other[key]) for key in by_one)
    print(
        f"{STEPS} steps of finetune_all: {statistics.median(ratios):.3f} times as long with the "
        f"features anew in every step ({min(ratios):.3f} to {max(ratios):.3f}); same bits: {same}"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"candidates": candidates, "pasted_picture": pasted_picture}[sys.argv[1]](*sys.argv[2:])
