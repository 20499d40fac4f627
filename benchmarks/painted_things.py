"""What rules that erase a painted thing leave of it, and what switching its units does.

    python -m benchmarks.painted_things                # the shipped church; two minutes

The tables of docs/editor.md. Things are painted where the segmenter labels them. First, rules that
erase what was marked in some samples, as the editor makes them: all marks are goals, 8 units are
silent in them, smoothness 1. Second, single pictures in which the 8 units that fit a thing best are
switched off at its place, and on at the same place of pictures without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from palimpsest.drawing.survey import Survey, brush, soften, survey_samples
from palimpsest.editor.switching import image_with_units
from palimpsest.editor.work import UnitPlace
from palimpsest.generators import Generator, load_generator, sample_z
from palimpsest.instruments.loading import load_segmenter
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory import KeyStatistics, unit_scores
from palimpsest.sessions import Selection, rewrite
from palimpsest.sessions.erasing import erasing
from palimpsest.sessions.masks import encode_mask
from palimpsest.sessions.schema import HalfSession

WEIGHTS = Path("data/weights/mini")
SILENT, SMOOTHNESS = 8, 1.0
MARKS = [("dome", 4, 1), *(("watermark_middle", n, rank) for n, rank in ((4, 1), (4, 4), (8, 4)))]
"""Class, marked samples, rank."""

RULE_LAYER = 6
MEASURED = 48
LAYERS = (4, 5, 6)
SWITCHED = ("dome", "tree", "watermark_middle")
PLACES, WITHOUT = 5, 4
"""Places of each thing, and pictures without it for each of them."""

LEAST = 60
"""Pixels of a thing that count as seen."""

DRAWN, OTHERS = 1, 3
"""Seeds: of the painted samples, and of those that a rule is measured on."""


def painted(survey: Survey, sample: int, shape: np.ndarray) -> Selection:
    return Selection(sample=sample, mask=encode_mask(soften(brush(shape, survey.px(2)))))


def showing(survey: Survey, thing: str) -> Iterator[tuple[int, np.ndarray]]:
    """Samples that show a thing, with its pixels."""
    for sample, shape in enumerate(survey.where((thing,))):
        if shape.sum() >= LEAST:
            yield sample, shape


def erased(
    g: Generator,
    segmenter: Segmenter,
    stats: KeyStatistics,
    drawn: Survey,
    others: Survey,
    thing: str,
    marks: int,
    rank: int,
) -> tuple[float, float]:
    """Share of a thing's pixels that is left in `MEASURED` other samples that show it, and of other
    labels that stay there."""
    places = [painted(drawn, *one) for one in islice(showing(drawn, thing), marks)]
    marked = HalfSession(
        model="church",
        name="erased",
        layer=RULE_LAYER,
        rank=rank,
        seed=DRAWN,
        n=len(drawn),
        context=tuple(places),
    )
    edit = rewrite(g, erasing(marked, SILENT), stats, exemplars=None, mu=SMOOTHNESS)
    seen = [sample for sample, _ in showing(others, thing)][:MEASURED]
    assert len(seen) == MEASURED, "survey more samples"
    z = sample_z(g, len(others), OTHERS)[seen]
    before = others.labels[seen]
    with torch.no_grad():
        after = segmenter.labels(edit.apply(g)(z)).numpy()
    was = before == drawn.classes.index(thing)
    left = (after[was] == before[was]).mean()
    return float(left), float((after[~was] == before[~was]).mean())


def switched(
    g: Generator,
    segmenter: Segmenter,
    number: int,
    stats: KeyStatistics,
    drawn: Survey,
    thing: str,
) -> tuple[float, float]:
    """Share of a thing's pixels that is left with its units off, and that comes with them on."""
    layer, label = g.layer(number), drawn.classes.index(thing)
    z = sample_z(g, len(drawn), DRAWN)
    found = list(islice(showing(drawn, thing), PLACES))
    bare = [i for i, shape in enumerate(drawn.where((thing,))) if not shape.any()]
    left, come = [], []

    def share(sample: int, units: dict[str, tuple[int, ...]], shape: np.ndarray) -> float:
        place = UnitPlace(layer=number, place=painted(drawn, sample, shape), **units)
        image = image_with_units(g, layer.keys(z[sample : sample + 1]), [(place, stats)])
        return float((segmenter.labels(image).numpy()[0][shape] == label).mean())

    with torch.no_grad():
        for turn, (sample, shape) in enumerate(found):
            keys = layer.keys(z[sample : sample + 1]).k
            area = painted(drawn, sample, shape).area(tuple(keys.shape[2:]), margin=layer.margin)
            scores = unit_scores(keys, area[None], stats)
            best = tuple(scores.argsort(descending=True, stable=True)[:SILENT].tolist())
            left.append(share(sample, {"off": best}, shape))
            for other in bare[turn * WITHOUT : (turn + 1) * WITHOUT]:
                come.append(share(other, {"on": best}, shape))
    return float(np.mean(left)), float(np.mean(come))


def main() -> None:
    g = load_generator(WEIGHTS / "church.safetensors")
    segmenter = load_segmenter(WEIGHTS / "church-segmenter.safetensors")
    drawn = survey_samples(g, segmenter, RULE_LAYER, 200, DRAWN)
    others = survey_samples(g, segmenter, RULE_LAYER, 300, OTHERS)
    by_layer = {n: KeyStatistics.collect(g, layer=n, n=2000, seed=DRAWN) for n in LAYERS}
    print("| erased | marks | rank | left | other labels kept |\n|---|---|---|---|---|")
    for thing, marks, rank in MARKS:
        left, kept = erased(g, segmenter, by_layer[RULE_LAYER], drawn, others, thing, marks, rank)
        print(f"| {thing} | {marks} | {rank} | {left:.0%} | {kept:.1%} |")
    heads = [f"{thing} {to}" for thing in SWITCHED for to in ("off", "on")]
    print(f"\n| layer | {' | '.join(heads)} |\n|{'---|' * (1 + len(heads))}")
    for number, stats in by_layer.items():
        cells = [
            s for thing in SWITCHED for s in switched(g, segmenter, number, stats, drawn, thing)
        ]
        print(f"| {number} | {' | '.join(f'{cell:.0%}' for cell in cells)} |")


if __name__ == "__main__":
    main()
