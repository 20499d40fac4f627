"""What the figures show, computed: pictures and matches of a generator, its edits and sessions.

    sources = Sources(generator, edits={"remove_window": path}, sessions={...}, pairs=12, ...)
    arrays, facts = compute_panel("fig09_windows", sources)

A panel is drawn by `palimpsest.report.figures`. No sample is chosen by hand: a figure shows those
that score highest along an edit's directions, or the first in which a segmenter sees the subject.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np
import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.experiments.comparison.panel import compute_comparison
from palimpsest.experiments.doors.panel import compute_doors
from palimpsest.experiments.edits.best_matches import best_along, scores
from palimpsest.experiments.edits.session_panel import compute_session
from palimpsest.experiments.panel_sources import BATCH, Arrays, Facts, Sources, edit_facts, pictures
from palimpsest.generators import Generator, Layer, sample_z
from palimpsest.generators.pictures import as_picture
from palimpsest.memory import Edit, KeyStatistics, context_directions, match_map, rank_matches
from palimpsest.sessions.rewriting import check_statistics, open_session

LEVEL_PERCENT = 99.9
"""Quantile of the matches above which a place is outlined, as in the original's interface."""

CONTEXT_SHOWN = 6
PLACE = 5
"""Side of the window of figure 2, in key cells."""


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
    images = np.stack([pictures(g, z[chosen]) for g in steps])
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
    heat = torch.cat([match_map(layer.keys(part).k, direction).cpu() for part in z.split(BATCH)])
    best = rank_matches(heat, sources.pairs)
    level = np.quantile(heat.numpy(), LEVEL_PERCENT / 100)
    shown = session.context[:CONTEXT_SHOWN]
    places = np.stack([_window(heat[i], min(PLACE, layer.key_size)) for i in best])
    images = pictures(sources.generator, z[best])
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
        "context": pictures(sources.generator, context_z[[c.sample for c in shown]]),
        "painted": np.stack([np.asarray(c.area(size)) for c in shown]),
        "samples": best.numpy(),
    }, {
        "session": name,
        "layer": layer.number,
        "level_percent": LEVEL_PERCENT,
        "ranks": list(range(1, len(best) + 1)),
    }


def compute_pairs(sources: Sources) -> tuple[Arrays, Facts]:
    """Figures 7 to 12: before and after one edit, the samples scoring highest along d."""
    name, edit = next(iter(sources.loaded().items()))
    z = sources.z
    chosen, found = best_along(sources.generator, edit, z, sources.pairs)
    return {
        "before": pictures(sources.generator, z[chosen]),
        "after": pictures(edit.apply(sources.generator), z[chosen]),
        "samples": chosen.numpy(),
        "scores": found.numpy(),
    }, edit_facts(name, edit)


PANELS: dict[str, Callable[[Sources], tuple[Arrays, Facts]]] = {
    "fig01_rules": compute_rules,
    "fig02_memory": compute_memory,
    "fig03_session": compute_session,
    "fig04_comparison": compute_comparison,
    "fig04_smile": compute_comparison,
    "fig07_hats": compute_pairs,
    "fig08_tails": compute_pairs,
    "fig09_windows": compute_pairs,
    "fig10_trees": compute_pairs,
    "fig11_earrings": compute_pairs,
    "fig12_glasses": compute_pairs,
    "figS1_doors": compute_doors,
}


def _standing(score: Tensor) -> Tensor:
    """Place of each sample in the order of its score, 0 for the lowest."""
    return score.argsort(stable=True).argsort(stable=True)


def _restores(changed: Generator, original: Generator, order: tuple[Edit, ...]) -> bool:
    """Whether removing these edits, in this order, gives the original's weights, bit for bit."""
    for edit in order:
        changed = edit.remove(changed)
    ours, theirs = changed.state_dict(), original.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)


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
