"""The edits of Table 3 from a session that people painted, as the paper made them (section 5.2).

    session = load_session("multikey_markandbottom.json")
    edits = session_edits(g, 6, session, stats, SessionErasing())

Where no segmenter labels watermarks, the context is what somebody painted. The goal is the values
of one image as they are without the units that stand out most in the context, over the whole map;
a rank-one change along the context's direction moves the image there. This is done twice, the
second time from what the first made, because one descent leaves some of the mark. The two changes
have one direction, so that their sum is of rank one.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from palimpsest.errors import SessionError
from palimpsest.experiments.watermarks.settings import SessionErasing
from palimpsest.generators.base import Generator
from palimpsest.memory import (
    Edit,
    KeyStatistics,
    context_directions,
    insert,
    removal_goal,
    unit_order,
)
from palimpsest.methods.baselines.unit_ablation import ablate_units, scaled_count, specific_units
from palimpsest.sessions import HalfSession, Session
from palimpsest.sessions.opening import check_statistics, samples_of


@torch.no_grad()
def session_edits(
    g: Generator,
    layer: int,
    session: Session | HalfSession,
    stats: KeyStatistics,
    how: SessionErasing,
) -> dict[str, Edit]:
    """The edits ``how.edits``, by name, all of one layer.

    The goal's image is the one that the session pastes on or, where it pastes nothing, the first
    of the context. Only its number counts: its whole map is the goal, as in the original code.

    Raises:
        SessionError: a session without a context.
        StatisticsError: statistics of other weights or another layer.
    """
    places = session.context
    if not places:
        raise SessionError(f"session {session.name}: field context is missing; paint the marks")
    opened = g.layer(layer)
    check_statistics(g, opened, stats)
    pasted = [one.paste for one in session.exemplars if one.paste is not None]
    shown = pasted[0].sample if pasted else places[0].sample
    numbers = [place.sample for place in places]
    z = samples_of(g, session, max(shown, *numbers) + 1)
    keys = opened.keys(z[numbers]).k
    weights = torch.stack(
        [place.area(opened.key_shape, False, opened.margin) for place in places]
    ).to(keys)
    counts = {count: scaled_count(count, stats.units) for count in how.units}
    specific = specific_units(keys, weights, stats)
    energetic = unit_order(keys, weights, stats, rule="energy")
    direction = context_directions(keys, weights, stats, rank=1)
    edits = {
        f"zero_{given}_units": ablate_units(opened, specific[:count], f"zero_{given}_units")
        for given, count in counts.items()
    }
    for name, given in how.rules.items():
        silent = energetic[: counts[given]]
        edits[name] = _erased(g, layer, z[[shown]], silent, direction, stats, how, name)
    return edits


def _erased(
    g: Generator,
    layer: int,
    z: Tensor,
    silent: Tensor,
    direction: Tensor,
    stats: KeyStatistics,
    how: SessionErasing,
    name: str,
) -> Edit:
    """The rank-one edit that brings an image to its values without ``silent`` units, by
    ``how.repeats`` descents, each from what those before made."""
    changed, parts = g, []
    for _ in range(how.repeats):
        opened = changed.layer(layer)
        state = opened.keys(z)
        goal = removal_goal(opened, state, silent)
        with torch.enable_grad():
            edit = insert(
                opened,
                state,
                goal.target,
                direction,
                solver="projected_gradient",
                stats=stats,
                session=name,
                iterations=how.iterations,
                learning_rate=how.learning_rate,
                low_rank_gradient=True,
            )
        parts.append(edit)
        changed = edit.apply(changed)
    told = {
        **parts[0].metadata,
        "loss_after": parts[-1].metadata["loss_after"],
        "repeats": str(how.repeats),
        "silent": ",".join(map(str, silent.tolist())),
    }
    # what the last descent measured is of its own change alone
    for field in ("change", "relative_change"):
        told.pop(field, None)
    whole = torch.stack([part.coefficients for part in parts]).sum(0)
    return replace(parts[0], coefficients=whole, metadata=told)
