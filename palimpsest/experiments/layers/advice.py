"""Advice on the layer and the rank of a rule, without labels and without a segmenter.

    settings = probe_for(g, samples=64)
    choice = choose_layers(distances(probe_layers(g, OwnValues(g), settings)))
    choice.layer                                        # the layer to edit first
    advice = advise_rank(open_places(g, session, choice.layer), stats)
    advice.rank, advice.why

The layer comes from the probe, compared by the generator's own values. The rank comes from the
painted context: the whitened keys of all its samples but one give directions, as those of an edit
(Appendix D), and these are asked how much of the keys of the sample that was left out they cover.
A direction that stands out in one painting only covers nothing in the others, so further directions
stop to help where the context's samples have no more in common. The rank is the knee of what is
left uncovered, from no direction on, as the layer is the knee of its curve (`choice`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from palimpsest.errors import ParameterError
from palimpsest.experiments.layers.choice import LEAST_LAYERS, depth_below_line
from palimpsest.experiments.layers.probe import OwnValues
from palimpsest.experiments.layers.settings import ProbeSettings
from palimpsest.generators.base import Generator
from palimpsest.generators.pieces import picture_cells
from palimpsest.memory import KeyStatistics
from palimpsest.memory.directions import context_keys
from palimpsest.sessions.places import Places

SEEDS = (11, 12)
"""Streams of the samples that are probed."""

COARSEST = 4
"""Least cells along a key map that is probed."""

LAST_NUMBER = 18
"""The largest number of a layer that is probed: that of a StyleGAN2 of 1024 pixels."""

MOST = 10
"""The largest rank that is considered: the largest of the paper's edits."""


def probe_for(g: Generator, samples: int) -> ProbeSettings:
    """The probe of a generator's layers, on ``samples`` samples of each of `SEEDS`.

    The layers are those from the second on whose map has at least 4 x 4 cells in the picture and
    values at most half as wide as the image: the first has the same keys in every image of a
    StyleGAN2, and in finer ones no rule is expected. Pieces are as wide as the widest cells, and
    twice as wide.

    Raises `ParameterError` for a generator with fewer than three such layers, such as one whose
    layers all have maps of the image's size.
    """
    own = OwnValues(g).layer
    cells = {number: picture_cells(g.layer(number))[0] for number in g.layers[1:]}
    layers = [
        number
        for number, count in cells.items()
        if number <= min(own, LAST_NUMBER)
        and count >= COARSEST
        and 2 * count * g.layer(number).value_size <= g.resolution * g.layer(number).key_size
        and g.resolution % count == 0
    ]
    if len(layers) < LEAST_LAYERS:
        raise ParameterError(
            f"a generator of {g.resolution} pixels has {len(layers)} layers to compare; at least "
            f"{LEAST_LAYERS} are needed, so try its layers one by one"
        )
    widest = g.resolution // min(cells[number] for number in layers)
    sizes = tuple(size for size in (widest, 2 * widest) if size < g.resolution)
    return ProbeSettings(layers=tuple(layers), sizes=sizes, samples=samples, seeds=SEEDS)


@dataclass(frozen=True)
class RankAdvice:
    """``rank``: the number of directions; ``why`` in words.

    ``covered``: by rank from 1 on, the share of the context's whitened keys that so many directions
    cover. ``held_out``: they cover keys of samples that they were not found in.
    """

    rank: int
    covered: Mapping[int, float]
    held_out: bool
    why: str


def advise_rank(places: Places, stats: KeyStatistics, most: int = MOST) -> RankAdvice:
    """The rank of a rule of these places; at most ``most``.

    With one painted sample nothing can be left out: its keys are then covered by directions that
    were found in them, which falls in favour of higher ranks, and `RankAdvice.why` says so.

    Raises `ParameterError` as `context_keys`.
    """
    rows = []
    for keys, weights in zip(places.keys, places.weights, strict=True):
        found, weight = context_keys([keys], [weights])
        rows.append(weight[:, None] * stats.whiten(found))
    held_out = len(rows) > 1
    total = sum(float(part.square().sum()) for part in rows)
    others = [torch.cat([*rows[:i], *rows[i + 1 :]]) for i in range(len(rows) * held_out)]
    sets = list(zip(others, rows, strict=True)) if held_out else [(rows[0], rows[0])]
    most = min(most, *(min(others.shape) for others, _ in sets))
    covered = np.zeros(most)
    for others, own in sets:
        directions = torch.linalg.svd(others, full_matrices=False)[2][:most]
        covered += (own @ directions.T).square().sum(0).cumsum(0).cpu().numpy() / total
    left = np.concatenate([[1.0], 1 - covered])
    rank = max(1, int(depth_below_line(left).argmax())) if most > 1 else 1
    shares = {number: float(share) for number, share in enumerate(covered, start=1)}
    return RankAdvice(rank, shares, held_out, _why(rank, shares, held_out))


def _why(rank: int, covered: Mapping[int, float], held_out: bool) -> str:
    most = max(covered)
    place = "in samples that they were not found in" if held_out else "in the one painted sample"
    words = f"{rank} of {most} directions cover {100 * covered[rank]:.0f} % of the context {place}"
    if most > rank:
        words += f", all {most} cover {100 * covered[most]:.0f} %"
    return words if held_out else f"{words}; paint the context in more samples to be surer"
