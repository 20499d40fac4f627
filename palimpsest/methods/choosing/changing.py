"""What an edit may change, and the judge of its candidates.

    changing, judge, about = prepare(g, opened, stats, segmenter, asked)
    changing(layer.keys(z))             # (B, h, w) bool: cells that may change

With a segmenter, labels decide both; without one, the context's direction (`matching_cells`) and
the layer's own values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from palimpsest.generators.base import Generator, KeyState
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory import KeyStatistics, context_directions, match_map
from palimpsest.methods.choosing.classes import painted_classes, session_classes
from palimpsest.methods.choosing.judges import (
    Judge,
    LabelJudge,
    ValueJudge,
    cells_showing,
    widened,
)
from palimpsest.methods.choosing.settings import PalimpsestSettings
from palimpsest.sessions.opening import OpenSession, samples_of
from palimpsest.sessions.schema import Session

Cells = Callable[[KeyState], Tensor]
"""Cells (B, h, w) bool of some keys."""

MATCH_SHARE = 0.5
"""Without labels, a cell should change if it matches the direction at least half as well as the
median cell of the context, and is among the best-matching share `MATCH_MOST` of all cells."""

MATCH_MOST = 0.05
MATCH_SAMPLES = 64


def prepare(
    g: Generator,
    opened: OpenSession,
    stats: KeyStatistics,
    segmenter: Segmenter | None,
    asked: PalimpsestSettings,
) -> tuple[Cells, Judge, dict[str, Any]]:
    """The cells that should change (a function of keys), the judge, and facts for the metadata."""
    layer, session = opened.layer, opened.session
    matching = matching_cells(g, opened, stats)
    about: dict[str, Any] = {"judge": "values", "excluding": f"cells like {session.name}"}

    def by_values() -> tuple[Cells, Judge, dict[str, Any]]:
        judge = ValueJudge(
            g, layer.number, opened.goals, matching, asked.tuning_samples, asked.tuning_seed
        )
        return matching, judge, about

    if segmenter is None:
        return by_values()
    source, targets = asked.source, asked.targets
    if source is None or targets is None:
        seen = session_classes(session, segmenter)
        if seen is None and not session.erase:  # what comes instead is nowhere painted
            seen = painted_classes(g, session, segmenter)
        if seen is None:  # no class stands out: labels cannot judge
            return by_values()
        source, targets = source or seen[0], targets or seen[1]
    adds = bool(session.adds)
    judge = LabelJudge(
        g,
        layer.number,
        segmenter,
        source,
        targets,
        asked.tuning_samples,
        asked.tuning_seed,
        adds=adds,
        least_added=_least_added(session, g.resolution) if adds else 1,
        perceptual_weight=asked.perceptual_weight,
        critic_weight=asked.critic_weight,
    )
    about |= {"judge": "labels", "source": list(source), "targets": list(targets)}
    if adds:  # most of the source should not change
        return matching, judge, about
    free = source if asked.keeps_targets else (*source, *targets)
    numbers = segmenter.numbers(*free)

    def showing(state: KeyState) -> Tensor:
        return cells_showing(layer, state, segmenter, numbers)

    return showing, judge, {**about, "excluding": f"cells with or next to {', '.join(free)}"}


def matching_cells(g: Generator, opened: OpenSession, stats: KeyStatistics) -> Cells:
    """A function of keys that gives the cells (B, h, w) bool that match the context's direction.

    Cells next to a matching one are included; for the threshold see `MATCH_SHARE`.
    """
    direction = context_directions(opened.context_keys, opened.context_weights, stats, 1)[0]
    matched = match_map(opened.context_keys, direction)
    weights = opened.context_weights
    usual = matched[weights > (0.5 if (weights > 0.5).any() else 0)].median()
    z = samples_of(g, opened.session, MATCH_SAMPLES)
    with torch.no_grad():
        maps = [match_map(opened.layer.keys(part).k, direction).flatten() for part in z.split(16)]
    threshold = max(MATCH_SHARE * float(usual), float(torch.cat(maps).quantile(1 - MATCH_MOST)))

    def matching(state: KeyState) -> Tensor:
        return widened(match_map(state.k, direction) >= threshold)

    return matching


def _least_added(session: Session, resolution: int) -> int:
    """How many pixels must become a target for an image to count as converted."""
    if session.least is not None:
        return round(session.least * (resolution / 128) ** 2)
    sizes = [e.object.area((resolution, resolution)).sum().item() for e in session.exemplars]
    return int(np.median(sizes)) // 4
