"""The panel of Figure 3: a session's copy, paste and context, and the images after its edit.

    arrays, facts = compute_session(sources)

Drawn by `palimpsest.report.figures.session`. The exemplar is the first one that the edit was solved
for. The result is shown on held-out samples: those of another stream that score highest along the
edit's directions. No sample is chosen by hand.
"""

from __future__ import annotations

import numpy as np
import torch

from palimpsest.errors import ParameterError
from palimpsest.experiments.edits.best_matches import best_along
from palimpsest.experiments.panel_sources import (
    Arrays,
    Facts,
    Sources,
    edit_facts,
    exemplars_of,
    pictures,
)
from palimpsest.generators import KeyState, Layer, ValueState, sample_z
from palimpsest.generators.pictures import as_picture
from palimpsest.memory import Goal
from palimpsest.sessions.opening import open_session
from palimpsest.sessions.schema import Selection, Session


@torch.no_grad()
def compute_session(sources: Sources) -> tuple[Arrays, Facts]:
    """Arrays and facts of Figure 3, of the first edit and its session.

    Pictures are (..., H, W, 3) uint8 and masks (..., H, W) float32 in [0, 1]: ``donor`` with
    ``object``; ``target`` with ``place``; ``goal``, the target with the object's values in it,
    rendered by the layers after; ``context`` (C, ...) with ``painted``; ``target_after``;
    ``before`` and ``after`` (P, ...) with their ``samples`` and ``scores`` (P,).

    Raises:
        ParameterError: an edit without its session, or held-out samples that are the session's.
        SessionError: an edit of exemplars that this session does not have.
    """
    g = sources.generator
    name, edit = next(iter(sources.loaded().items()))
    if name not in sources.sessions:
        raise ParameterError(f"figure fig03_session: the session {name} of the edit is not given")
    session = sources.sessions[name]
    if session.seed == sources.seed:
        raise ParameterError(
            f"panels.seed: {sources.seed} is that of session {name}, whose samples are not "
            "held out; give another"
        )
    number = exemplars_of(edit)[0]
    # the edit may be of another layer than the session, if several were tried
    opened = open_session(g, session.at_layer(edit.layer), exemplars=(number,))
    drawn = session.exemplars[number]
    z = sample_z(g, session.n, session.seed)
    target = z[drawn.paste.sample][None]
    goal = with_goal(opened.layer, opened.layer.keys(target), opened.goals[0])
    changed = edit.apply(g)
    chosen, found = best_along(g, edit, sources.z, sources.pairs)
    shown = sources.z[chosen]
    return {
        "donor": pictures(g, z[drawn.object.sample][None])[0],
        "object": _mask(drawn.object, g.resolution),
        "target": pictures(g, target)[0],
        "place": _mask(drawn.paste, g.resolution),
        "goal": as_picture(opened.layer.render(goal))[0],
        "context": pictures(g, z[[place.sample for place in session.context]]),
        "painted": np.stack([_mask(place, g.resolution) for place in session.context]),
        "target_after": pictures(changed, target)[0],
        "before": pictures(g, shown),
        "after": pictures(changed, shown),
        "samples": chosen.numpy(),
        "scores": found.numpy(),
    }, {
        **edit_facts(name, edit),
        **_numbers(session, number),
        "exemplars": len(exemplars_of(edit)),
    }


def with_goal(layer: Layer, keys: KeyState, goal: Goal) -> ValueState:
    """The layer's values of one sample's full ``keys``, with a goal's values in their window."""
    values = layer.values(keys)
    top, left, bottom, right = (layer.upsampling * edge for edge in goal.state.window)
    v = values.v.clone()
    v[:, :, top:bottom, left:right] = goal.target
    return values.replace(v)


def _mask(selection: Selection, resolution: int) -> np.ndarray:
    return selection.area((resolution, resolution)).numpy()


def _numbers(session: Session, number: int) -> Facts:
    """Numbers of the session's samples that are shown."""
    drawn = session.exemplars[number]
    return {
        "exemplar": number,
        "object_sample": drawn.object.sample,
        "place_sample": drawn.paste.sample,
        "context_samples": [place.sample for place in session.context],
        "session_seed": session.seed,
    }
