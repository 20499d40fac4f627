"""The panel of Figure S1: one place of open sky, and the thing that each way puts there.

    arrays, facts = compute_doors(sources)

Drawn by `palimpsest.report.figures.doors`. This is the talk's difficult case: a door belongs in a
wall, and the layers after the changed one draw no door where there is no wall. The four ways
(`variants`) are compared on the same samples, each at the place that the session paints; only
samples whose place is open sky count. `carrier` says how a door in the sky is recognised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from palimpsest.errors import ParameterError, SessionError
from palimpsest.experiments.doors.carrier import Carrier
from palimpsest.experiments.doors.counts import look_at_ways, open_samples
from palimpsest.experiments.doors.variants import units_switched, ways_to_place
from palimpsest.experiments.panel_sources import Arrays, Facts, Sources, edit_facts, exemplars_of
from palimpsest.generators.pictures import as_picture
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory import Edit
from palimpsest.sessions.schema import Session

COUNTED = 200
"""Samples that are counted: the first of the stream whose place is open sky."""


@torch.no_grad()
def compute_doors(sources: Sources) -> tuple[Arrays, Facts]:
    """Arrays and facts of Figure S1, for the first edit and its session.

    Pictures (..., H, W, 3) uint8: ``donor``, and ``unmodified``, ``units``, ``pasted`` and ``rule``
    (P, ...) of ``samples`` (P,), the first that count; ``object`` and ``place`` (H, W) in [0, 1].
    Facts by way: see `look_at_ways`; ``counted`` images.

    Raises:
        ParameterError: no segmenter or session.
        SessionError: a session that does not say what it adds, or whose place is open in none of
            the samples.
    """
    g, case = sources.generator, door_case(sources)
    carrier = Carrier.of_exemplar(g, case.session, case.session.exemplars[0])
    place = carrier.place_mask
    ways = ways_to_place(
        g, case.segmenter, case.edit, case.session, case.thing, place, sources.seed + 1
    )
    rows = open_samples(g, case.segmenter, sources.z, place, case.ground, COUNTED)
    if not rows:
        raise SessionError(
            f"session {case.name}: its place is open {case.ground} in none of "
            f"{sources.samples} samples; search more"
        )
    shown, counts = look_at_ways(
        ways, sources.z[rows], case.segmenter, case.thing, carrier, case.least
    )
    return {
        "donor": as_picture(carrier.donor[None])[0],
        "object": carrier.source.float().numpy(),
        "place": place.float().numpy(),
        **{way: pictures[: sources.pairs] for way, pictures in shown.items()},
        "samples": np.array(rows[: sources.pairs]),
    }, {
        **edit_facts(case.name, case.edit),
        "thing": case.thing,
        "exemplars": len(exemplars_of(case.edit)),
        "counted": len(rows),
        "least_pixels": case.least,
        "units": units_switched(ways.layer, sources.z),
        "segmenter": case.segmenter.name,
        **counts,
    }


@dataclass(frozen=True)
class DoorCase:
    """An edit that adds a ``thing`` where a session painted ``ground``, and what judges it.

    ``least``: pixels of the thing from which an image counts as holding it.
    """

    name: str
    edit: Edit
    session: Session
    segmenter: Segmenter
    thing: str
    ground: str
    least: float


def door_case(sources: Sources) -> DoorCase:
    """The first edit of the sources with its session. Raises as `compute_doors`."""
    name, edit = next(iter(sources.loaded().items()))
    if sources.segmenter is None or name not in sources.sessions:
        raise ParameterError(f"figure figS1_doors: needs a segmenter and the session {name}")
    session = sources.sessions[name]
    if not (session.adds and session.least and session.source and session.targets):
        raise SessionError(
            f"session {name}: does not say what it adds; it needs adds, least, source and targets"
        )
    return DoorCase(
        name,
        edit,
        session,
        sources.segmenter,
        thing=session.targets[0],
        ground=session.source[0],
        least=session.least * (sources.generator.resolution / 128) ** 2,
    )
