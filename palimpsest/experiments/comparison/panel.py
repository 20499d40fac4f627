"""The panel of Figure 4: the same edits by every method, on samples that show the subject.

    arrays, facts = compute_comparison(sources)     # edits are named session/method

Panels of several generators make one figure (`figures.comparison.join`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.estimates.columns import order_key
from palimpsest.experiments.comparison.measure import load_method
from palimpsest.experiments.panel_sources import BATCH, Arrays, Facts, Sources, pictures
from palimpsest.generators import sample_z
from palimpsest.generators.pictures import as_picture
from palimpsest.generators.samples import images_at_once
from palimpsest.methods.registry import METHODS, image_changes, with_rank
from palimpsest.sessions.schema import Session

LEAST_PERCENT = 1.0
"""Per cent of an image's pixels that the subject must cover."""


def compute_comparison(sources: Sources) -> tuple[Arrays, Facts]:
    """Pictures of every edit by every method, on the first samples that show its subject.

    ``edits`` are named ``session/method``; ``image_methods`` of the sources are methods too. Each
    method must be given for each session, but for one at a further rank (`registry.at_rank`).
    """
    if sources.segmenter is None:
        raise ParameterError("figure fig04_comparison: needs a segmenter to find its samples")
    subjects = {name: subject(sources, session) for name, session in sources.sessions.items()}
    z = sources.z
    chosen = _first_with(sources, subjects)
    arrays: Arrays = {}
    for name, session in sources.sessions.items():
        shown = z[chosen[name]]
        arrays[f"samples_{name}"] = np.array(chosen[name])
        arrays[f"unmodified_{name}"] = pictures(sources.generator, shown)
        for key, path in sources.edits.items():
            of_session, _, method = key.partition("/")
            if of_session == name:
                changed = load_method(method, path, sources.generator).generator
                arrays[f"{method}_{name}"] = pictures(changed, shown)
        if sources.image_methods:
            changes = image_changes(
                sources.generator, session, sources.segmenter, sources.image_methods
            )
            images = sources.generator(shown)
            for method, change in changes.items():
                arrays[f"{method}_{name}"] = as_picture(change(images))
    made = {name.rpartition(f"_{session}")[0] for session in sources.sessions for name in arrays}
    methods = sorted(
        made - {"", "samples", "unmodified"}, key=lambda name: order_key(name, tuple(METHODS))
    )
    for method in methods:
        for name in sources.sessions:
            if f"{method}_{name}" not in arrays and with_rank(method)[1] is None:
                raise ParameterError(f"figure fig04_comparison: no edit {name}/{method} is given")
    return arrays, {
        "sessions": list(sources.sessions),
        "methods": methods,
        "subjects": sorted({str(found) for found in subjects.values()}),
        "least_percent": LEAST_PERCENT,
    }


@dataclass(frozen=True)
class Subject:
    """The class that a sample must show to be chosen, and those that it must not show."""

    shows: str
    lacks: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.shows} without {' or '.join(self.lacks)}" if self.lacks else self.shows


def subject(sources: Sources, session: Session) -> Subject:
    """The class that a session's context was painted on, by the labels of its samples.

    Where the session adds a thing, samples that already show it are left out, if the segmenter has
    a class for it (the published face parser has no class for teeth).
    """
    classes = sources.segmenter.classes
    z = sample_z(sources.generator, session.n, session.seed)
    counts = np.zeros(len(classes))
    for number, labels in _labelled(sources, z[[c.sample for c in session.context]]):
        area = np.asarray(session.context[number].area(labels.shape))
        counts += np.bincount(labels[area > 0.5].ravel(), minlength=len(counts))
    added = (session.targets or ()) if session.adds else ()
    lacks = tuple(name for name in added if name in classes)
    return Subject(classes[int(counts.argmax())], lacks)


def _labelled(sources: Sources, z: Tensor) -> Iterator[tuple[int, np.ndarray]]:
    """(row of z, labels (H, W)) of each sample, generated lazily."""
    at_once = images_at_once(sources.generator.resolution, BATCH)
    for start in range(0, len(z), at_once):
        images = sources.generator(z[start : start + at_once])
        for i, labels in enumerate(sources.segmenter.labels(images).numpy()):
            yield start + i, labels


def _first_with(sources: Sources, subjects: Mapping[str, Subject]) -> dict[str, list[int]]:
    """By session, the first samples with its subject on enough of their pixels."""
    classes = sources.segmenter.classes
    found: dict[str, list[int]] = {name: [] for name in subjects}
    for sample, labels in _labelled(sources, sources.z):
        share = np.bincount(labels.ravel(), minlength=len(classes)) / labels.size
        of = dict(zip(classes, share, strict=True))
        for name, wanted in subjects.items():
            enough = of[wanted.shows] >= LEAST_PERCENT / 100
            if len(found[name]) < sources.pairs and enough:
                if not any(of[absent] for absent in wanted.lacks):
                    found[name].append(sample)
        if all(len(samples) == sources.pairs for samples in found.values()):
            return found
    lacking = min(found, key=lambda name: len(found[name]))
    raise ParameterError(
        f"figure fig04_comparison: only {len(found[lacking])} of {sources.samples} samples show "
        f"{subjects[lacking]}, {sources.pairs} are needed; raise panels.samples"
    )
