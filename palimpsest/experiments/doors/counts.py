"""Counts for Figure S1: samples whose place is open, and images that then hold the thing.

rows = open_samples(g, segmenter, z, place, "sky", most=200)
shown, counts = look_at_ways(ways, z[rows], segmenter, "door", carrier, least=40)
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from palimpsest.estimates.intervals import wilson
from palimpsest.experiments.doors.carrier import Carrier
from palimpsest.experiments.doors.variants import Ways
from palimpsest.experiments.panel_sources import BATCH, Facts
from palimpsest.generators import Generator
from palimpsest.generators.pictures import as_picture
from palimpsest.instruments.segmenters.base import Segmenter

LEVEL = 0.95
"""Level of the interval of each share."""


def open_samples(
    g: Generator, segmenter: Segmenter, z: Tensor, place: Tensor, ground: str, most: int
) -> list[int]:
    """The first rows of ``z``, at most ``most``, whose ``place`` (H, W) bool is all ``ground``."""
    number = segmenter.index(ground)
    found: list[int] = []
    for first in range(0, len(z), BATCH):
        labels = segmenter.labels(g(z[first : first + BATCH]))
        free = (labels[:, place] == number).all(1).nonzero().flatten()
        found += (free + first).tolist()
        if len(found) >= most:
            break
    return found[:most]


def look_at_ways(
    ways: Ways, z: Tensor, segmenter: Segmenter, thing: str, carrier: Carrier, least: float
) -> tuple[dict[str, np.ndarray], Facts]:
    """Pictures (B, H, W, 3) uint8 of every way, and facts about them.

    Facts by way: ``seen``, images with at least ``least`` pixels of the thing at the place, with
    the interval of their share in ``seen_low`` and ``seen_high``; ``changed``, the mean share of
    labels outside the place that differ from those of `unmodified`.
    """
    elsewhere = ~carrier.place_mask
    pictures: dict[str, list[np.ndarray]] = {}
    seen: dict[str, int] = {}
    changed: dict[str, float] = {}
    for part in z.split(BATCH):
        before = None
        for way, images in ways.images(part):
            labels = segmenter.labels(images)
            before = labels if before is None else before
            there = carrier.pixels_seen(images, segmenter, thing) >= least
            others = (labels != before)[:, elsewhere].double().mean(1)
            seen[way] = seen.get(way, 0) + int(there.sum())
            changed[way] = changed.get(way, 0.0) + float(others.sum())
            pictures.setdefault(way, []).append(as_picture(images))
    shares = {way: wilson(count, len(z), LEVEL) for way, count in seen.items()}
    return {way: np.concatenate(parts) for way, parts in pictures.items()}, {
        "seen": seen,
        "seen_low": {way: share.low for way, share in shares.items()},
        "seen_high": {way: share.high for way, share in shares.items()},
        "changed": {way: total / len(z) for way, total in changed.items()},
    }
