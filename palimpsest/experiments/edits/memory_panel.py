"""The panel of Figure 2: the places that a context's key matches, and the values there.

    arrays, facts = compute_memory(sources)

Drawn by `palimpsest.report.figures.memory`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.experiments.panel_sources import BATCH, Arrays, Facts, Sources, pictures
from palimpsest.generators import Layer, sample_z
from palimpsest.generators.base import Window
from palimpsest.generators.picture_cells import within_picture
from palimpsest.generators.pictures import as_picture
from palimpsest.generators.pieces import drawn_alone, picture_cells, pixels_of
from palimpsest.memory import KeyStatistics, context_directions, match_map, rank_matches
from palimpsest.sessions.opening import check_statistics, open_session

LEVEL_PERCENT = 99.9
"""Quantile of the matches above which a place is outlined, as in the original's interface."""

CONTEXT_SHOWN = 6
"""Context images shown."""

PLACE = 5
"""Side of the window around the best match, in key cells."""


def compute_memory(sources: Sources) -> tuple[Arrays, Facts]:
    """Arrays and facts of Figure 2: the best matches of the context's key, and their values
    rendered alone.

    Of P samples, best first: ``images`` (P, H, W, 3) uint8, ``heat`` (P, h, w) float32, the match
    of every key in the picture; ``places`` (P, 4) int, the window around the best match in key
    cells; that window ``in_place`` and rendered ``alone`` (P, H', W', 3) uint8, by a network that
    draws whole maps only among keys of zero (the fact ``among_zeros``). ``level``: the match from
    which a place is outlined; ``context`` (C, H, W, 3) uint8 with ``painted`` (C, H, W).

    Raises `ParameterError` where the statistics of the layer are not given.
    """
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
    maps = [match_map(layer.keys(part).k, direction).cpu() for part in z.split(BATCH)]
    heat = within_picture(torch.cat(maps), layer.margin)
    best = rank_matches(heat, sources.pairs)
    level = np.quantile(heat.numpy(), LEVEL_PERCENT / 100)
    shown = session.context[:CONTEXT_SHOWN]
    places = np.stack([_window(heat[i], min(PLACE, *picture_cells(layer))) for i in best])
    images = pictures(sources.generator, z[best])
    alone = [_alone(layer, z[i][None], place) for i, place in zip(best, places, strict=True)]
    size = sources.generator.image_size
    parts = [pixels_of(layer, _edges(place)) for place in places]
    in_place = [image[t:b, x:r] for image, (t, x, b, r) in zip(images, parts, strict=True)]
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
    } | ({} if layer.renders_crops else {"among_zeros": True})


def _window(heat: Tensor, side: int) -> np.ndarray:
    """(top, left, bottom, right) of ``side`` cells around the best cell, kept inside the map."""
    rows, columns = heat.shape
    row, column = divmod(int(heat.argmax()), columns)
    top = max(0, min(row - side // 2, rows - side))
    left = max(0, min(column - side // 2, columns - side))
    return np.array([top, left, top + side, left + side])


def _alone(layer: Layer, z: Tensor, place: np.ndarray) -> np.ndarray:
    """A window of a sample's values rendered without the rest of the image, uint8."""
    return as_picture(drawn_alone(layer, layer.keys(z), _edges(place)))[0]


def _edges(place: np.ndarray) -> Window:
    top, left, bottom, right = (int(edge) for edge in place)
    return top, left, bottom, right
