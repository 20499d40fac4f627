"""The classes that a session replaces and those that it brings in."""

from __future__ import annotations

import torch

from palimpsest.generators.base import Generator
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.sessions.opening import samples_of
from palimpsest.sessions.schema import Session


def session_classes(
    session: Session, segmenter: Segmenter
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Source and targets that the session names; None if the segmenter does not have one of
    them."""
    if not session.source or not session.targets:
        return None
    known = {*session.source, *session.targets} <= set(segmenter.classes)
    return (session.source, session.targets) if known else None


def painted_classes(
    g: Generator, session: Session, segmenter: Segmenter
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The source and the target class, from the labels under the masks.

    The source is the class whose share under the context masks exceeds its share of whole images
    most; the target is found in the same way under the copied objects. None if no class other than
    the source stands out there.
    """
    z = samples_of(g, session, max(session.samples) + 1)
    size = g.image_size
    count = len(segmenter.classes)
    under_context, under_object = torch.zeros(count), torch.zeros(count)
    everywhere = torch.zeros(count)
    places = [(selection, under_context) for selection in session.context]
    places += [(exemplar.object, under_object) for exemplar in session.exemplars]
    with torch.no_grad():
        for selection, total in places:
            labels = segmenter.labels(g(z[selection.sample : selection.sample + 1]))[0]
            one_hot = torch.nn.functional.one_hot(labels, count).float()
            total += (one_hot * selection.area(size)[:, :, None]).sum(dim=(0, 1))
            everywhere += one_hot.sum(dim=(0, 1))
    usual = everywhere / everywhere.sum()
    lift_context = under_context / under_context.sum() - usual
    source = int(lift_context.argmax())
    lift_object = under_object / under_object.sum() - usual
    lift_object[source] = -1
    target = int(lift_object.argmax())
    if lift_context[source] <= 0 or lift_object[target] <= 0:
        return None
    return (segmenter.classes[source],), (segmenter.classes[target],)
