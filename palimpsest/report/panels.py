"""What the figures show, computed: pictures and matches of a generator, its edits and sessions.

    sources = Sources(generator, edits={"remove_window": path}, sessions={...}, pairs=12, ...)
    arrays, facts = compute_panel("fig09_windows", sources)

A panel is drawn by `palimpsest.report.figures`. No sample is chosen by hand: a figure shows those
that score highest along an edit's directions, or the first in which a segmenter sees the subject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators import Generator, Layer, sample_z
from palimpsest.instruments.measuring import load_method
from palimpsest.memory import Edit, KeyStatistics, context_directions, match_map, rank_matches
from palimpsest.sessions.rewriting import check_statistics, open_session
from palimpsest.sessions.schema import Session
from palimpsest.sessions.survey import as_picture

BATCH = 50

LEVEL_PERCENT = 99.9
"""Quantile of the matches above which a place is outlined, as in the original's interface."""

LEAST_PERCENT = 1.0
"""Share of an image's pixels that the subject of figure 4 must cover."""

CONTEXT_SHOWN = 6
PLACE = 5
"""Side of the window of figure 2, in key cells."""

Arrays = dict[str, np.ndarray]
Facts = dict[str, Any]


class Labels(Protocol):
    """What a segmenter offers: images (B, 3, H, W) to labels (B, H, W), and the classes' names."""

    classes: tuple[str, ...]

    def segment(self, images: Tensor) -> Any: ...


@dataclass(frozen=True)
class Sources:
    """What panels are computed from.

    ``edits``: edit files and checkpoints by name, ``session`` or ``session/method``, in the order
    of the figure; ``sessions`` by name; ``statistics``: the file of the first session's layer;
    ``pairs``: samples shown; ``samples`` and ``seed``: the stream they are found in.
    """

    generator: Generator
    edits: Mapping[str, Path]
    sessions: Mapping[str, Session]
    pairs: int
    samples: int = 1000
    seed: int = 3
    segmenter: Labels | None = None
    statistics: Path | None = None

    @property
    def z(self) -> Tensor:
        """The stream of samples, (samples, z_dim)."""
        return sample_z(self.generator, self.samples, self.seed)

    @property
    def facts(self) -> Facts:
        """Facts that every panel tells."""
        return {
            "n": self.samples,
            "seed": self.seed,
            "weights_sha256": self.generator.weights_sha256,
        }

    def loaded(self) -> dict[str, Edit]:
        """The edits as `Edit`s by name."""
        return {name: Edit.load(path) for name, path in self.edits.items()}


def compute_panel(name: str, sources: Sources) -> tuple[Arrays, Facts]:
    """Arrays and facts of one figure's panel.

    Raises:
        ParameterError: no such figure, or sources that it needs and that are not given.
    """
    if name not in PANELS:
        raise ParameterError(f"no panel is called {name!r}; there are: {', '.join(PANELS)}")
    if not sources.edits or not sources.sessions:
        raise ParameterError(f"figure {name}: needs at least one edit and its session")
    with torch.no_grad():
        arrays, facts = PANELS[name](sources)
    return arrays, {"figure": name, **sources.facts, **facts}


def compute_rules(sources: Sources) -> tuple[Arrays, Facts]:
    """Figure 1: the edits one on top of the other, on the samples that all of them match.

    That the edits come off again in any order, and leave the weights as they were bit for bit, is
    checked here on the weights themselves.
    """
    edits = sources.loaded()
    z = sources.z
    standing = torch.stack(
        [_standing(scores(sources.generator, edit, z)) for edit in edits.values()]
    )
    chosen = standing.amin(dim=0).argsort(descending=True, stable=True)[: sources.pairs]
    steps = [sources.generator]
    for edit in edits.values():
        steps.append(edit.apply(steps[-1]))
    images = np.stack([_pictures(g, z[chosen]) for g in steps])
    orders = list(permutations(edits.values()))
    return {"images": images, "samples": chosen.numpy()}, {
        "sessions": list(edits),
        "ranks": [edit.rank for edit in edits.values()],
        "layers": [edit.layer for edit in edits.values()],
        "orders_checked": len(orders),
        "restored": all(_restores(steps[-1], sources.generator, order) for order in orders),
    }


def compute_memory(sources: Sources) -> tuple[Arrays, Facts]:
    """Figure 2: where the context's key matches, and the values of the best places alone."""
    if sources.statistics is None:
        raise ParameterError("figure fig02_memory: needs the key statistics of the layer")
    name, session = next(iter(sources.sessions.items()))
    opened = open_session(sources.generator, session, exemplars=())
    layer = opened.layer
    stats = KeyStatistics.load(sources.statistics)
    check_statistics(sources.generator, layer, stats)
    keys, painted = opened.context_keys, opened.context_weights
    direction = context_directions(keys, painted, stats, rank=1)[0]
    context_z = sample_z(sources.generator, session.n, session.seed)
    z = sources.z
    heat = torch.cat([match_map(layer.keys(part).k, direction) for part in z.split(BATCH)])
    best = rank_matches(heat, sources.pairs)
    level = np.quantile(heat.numpy(), LEVEL_PERCENT / 100)
    shown = session.context[:CONTEXT_SHOWN]
    places = np.stack([_window(heat[i], min(PLACE, layer.key_size)) for i in best])
    images = _pictures(sources.generator, z[best])
    alone = [_alone(layer, z[i][None], place) for i, place in zip(best, places, strict=True)]
    pixels = sources.generator.resolution // layer.key_size
    size = (sources.generator.resolution,) * 2
    in_place = [
        image[t * pixels : b * pixels, x * pixels : r * pixels]
        for image, (t, x, b, r) in zip(images, places, strict=True)
    ]
    return {
        "images": images,
        "heat": heat[best].numpy(),
        "level": np.float32(level),
        "places": places,
        "in_place": np.stack(in_place),
        "alone": np.stack(alone),
        "context": _pictures(sources.generator, context_z[[c.sample for c in shown]]),
        "painted": np.stack([np.asarray(c.area(size)) for c in shown]),
        "samples": best.numpy(),
    }, {
        "session": name,
        "layer": layer.number,
        "level_percent": LEVEL_PERCENT,
        "ranks": list(range(1, len(best) + 1)),
    }


def compute_comparison(sources: Sources) -> tuple[Arrays, Facts]:
    """Figure 4: every edit by every method, on the first samples that show its subject.

    ``edits`` are named ``session/method``.
    """
    if sources.segmenter is None:
        raise ParameterError("figure fig04_comparison: needs a segmenter to find its samples")
    subjects = {name: subject(sources, session) for name, session in sources.sessions.items()}
    found = _first_with(sources, sorted(set(subjects.values())), sources.pairs)
    z = sources.z
    arrays: Arrays = {}
    methods: list[str] = []
    for name in sources.sessions:
        chosen = found[subjects[name]]
        arrays[f"samples_{name}"] = np.array(chosen)
        arrays[f"unmodified_{name}"] = _pictures(sources.generator, z[chosen])
        for key, path in sources.edits.items():
            session, _, method = key.partition("/")
            if session != name:
                continue
            changed = load_method(method, path, sources.generator).generator
            arrays[f"{method}_{name}"] = _pictures(changed, z[chosen])
            if method not in methods:
                methods.append(method)
    for method in methods:
        for name in sources.sessions:
            if f"{method}_{name}" not in arrays:
                raise ParameterError(f"figure fig04_comparison: no edit {name}/{method} is given")
    return arrays, {
        "sessions": list(sources.sessions),
        "methods": methods,
        "subject": " or ".join(sorted({f"a {word}" for word in subjects.values()})),
        "least_percent": LEAST_PERCENT,
    }


def compute_pairs(sources: Sources) -> tuple[Arrays, Facts]:
    """Figures 7 to 12: before and after one edit, the samples scoring highest along d."""
    name, edit = next(iter(sources.loaded().items()))
    z = sources.z
    score = scores(sources.generator, edit, z)
    chosen = score.argsort(descending=True, stable=True)[: sources.pairs]
    return {
        "before": _pictures(sources.generator, z[chosen]),
        "after": _pictures(edit.apply(sources.generator), z[chosen]),
        "samples": chosen.numpy(),
        "scores": score[chosen].numpy(),
    }, {
        "session": name,
        "layer": edit.layer,
        "rank": edit.rank,
        "solver": edit.metadata.get("method") or edit.metadata.get("solver", "?"),
    }


PANELS: dict[str, Callable[[Sources], tuple[Arrays, Facts]]] = {
    "fig01_rules": compute_rules,
    "fig02_memory": compute_memory,
    "fig04_comparison": compute_comparison,
    "fig07_hats": compute_pairs,
    "fig08_tails": compute_pairs,
    "fig09_windows": compute_pairs,
    "fig10_trees": compute_pairs,
    "fig11_earrings": compute_pairs,
    "fig12_glasses": compute_pairs,
}


def scores(generator: Generator, edit: Edit, z: Tensor) -> Tensor:
    """How strongly each sample's best cell answers to an edit's directions, (n,).

    A cell's answer is the root of the sum of squares of its positive products with the
    directions; for a single direction it is d·k.
    """
    layer = generator.layer(edit.layer)
    best = []
    for part in z.split(BATCH):
        along = torch.einsum("sn,bnhw->bshw", edit.directions, layer.keys(part).k)
        answer = along if along.shape[1] == 1 else along.clamp(min=0)
        strength = answer[:, 0] if along.shape[1] == 1 else answer.square().sum(dim=1).sqrt()
        best.append(strength.flatten(1).amax(dim=1))
    return torch.cat(best)


def subject(sources: Sources, session: Session) -> str:
    """The class that a session's context was painted on, by the labels of its samples."""
    z = sample_z(sources.generator, session.n, session.seed)
    counts = np.zeros(len(sources.segmenter.classes))
    for number, labels in _labelled(sources, z[[c.sample for c in session.context]]):
        area = np.asarray(session.context[number].area(labels.shape))
        counts += np.bincount(labels[area > 0.5].ravel(), minlength=len(counts))
    return sources.segmenter.classes[int(counts.argmax())]


def _labelled(sources: Sources, z: Tensor) -> Iterator[tuple[int, np.ndarray]]:
    """(place in z, labels (H, W)) of each sample, made as they are asked for."""
    for start in range(0, len(z), BATCH):
        images = sources.generator(z[start : start + BATCH])
        for i, labels in enumerate(np.asarray(sources.segmenter.segment(images))):
            yield start + i, labels.astype(np.int64)


def _first_with(sources: Sources, names: list[str], count: int) -> dict[str, list[int]]:
    """The first ``count`` samples with each of these classes on enough of their pixels."""
    numbers = {name: sources.segmenter.classes.index(name) for name in names}
    found: dict[str, list[int]] = {name: [] for name in names}
    for sample, labels in _labelled(sources, sources.z):
        for name, number in numbers.items():
            if len(found[name]) < count and (labels == number).mean() >= LEAST_PERCENT / 100:
                found[name].append(sample)
        if all(len(samples) == count for samples in found.values()):
            return found
    lacking = min(found, key=lambda name: len(found[name]))
    raise ParameterError(
        f"figure fig04_comparison: only {len(found[lacking])} of {sources.samples} samples show "
        f"{lacking}, {count} are asked for; raise panels.samples"
    )


def _standing(score: Tensor) -> Tensor:
    """Place of each sample in the order of its score, 0 for the lowest."""
    return score.argsort(stable=True).argsort(stable=True)


def _restores(changed: Generator, original: Generator, order: tuple[Edit, ...]) -> bool:
    """Whether removing these edits, in this order, gives the original's weights, bit for bit."""
    for edit in order:
        changed = edit.remove(changed)
    ours, theirs = changed.state_dict(), original.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)


def _pictures(generator: Generator, z: Tensor) -> np.ndarray:
    """Samples as (B, H, W, 3) uint8."""
    return np.concatenate([as_picture(generator(part)) for part in z.split(BATCH)])


def _window(heat: Tensor, side: int) -> np.ndarray:
    """(top, left, bottom, right) of ``side`` cells around the best cell, kept inside the map."""
    rows, columns = heat.shape
    row, column = divmod(int(heat.argmax()), columns)
    top = max(0, min(row - side // 2, rows - side))
    left = max(0, min(column - side // 2, columns - side))
    return np.array([top, left, top + side, left + side])


def _alone(layer: Layer, z: Tensor, place: np.ndarray) -> np.ndarray:
    """A window of a sample's values rendered without the rest of the image, uint8."""
    top, left, bottom, right = (int(edge) for edge in place)
    return as_picture(layer.render(layer.values(layer.keys(z).crop(top, left, bottom, right))))[0]
