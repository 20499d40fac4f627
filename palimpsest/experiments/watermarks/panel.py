"""The panel of Figure 5: marked images, unmodified and by every method of Table 3.

    arrays, facts = compute_watermarks(generator, methods, measured, pairs=8)

The images are chosen from the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from palimpsest.errors import ParameterError
from palimpsest.experiments.comparison.measure import RewrittenGenerator
from palimpsest.generators import Generator, sample_z
from palimpsest.generators.pictures import as_picture
from palimpsest.methods.registry import UNMODIFIED

BATCH = 16

PLACES = ("middle", "bottom")
"""Columns of the measurements with the marks seen, in the order of the figure."""


def first_marked(measured: pd.DataFrame, count: int) -> dict[str, list[int]]:
    """Samples to show, by mark: half of ``count`` with each mark.

    They are the first of the stream in whose unmodified image the detector sees the mark and,
    where those are too few, the first others; none is shown twice. Raises `ParameterError` for
    fewer samples than ``count``.
    """
    rows = measured[measured["method"] == UNMODIFIED].sort_values("sample")
    if len(rows) < count:
        raise ParameterError(
            f"figure fig05_watermarks: {count} samples are to be shown, {len(rows)} were measured; "
            "measure more samples or show fewer"
        )
    found: dict[str, list[int]] = {}
    taken: set[int] = set()
    for number, place in enumerate(PLACES):
        wanted = (count + 1 - number) // len(PLACES)
        ordered = [*rows.loc[rows[place], "sample"], *rows.loc[~rows[place], "sample"]]
        found[place] = [int(s) for s in ordered if int(s) not in taken][:wanted]
        taken |= set(found[place])
    return found


@torch.no_grad()
def compute_watermarks(
    generator: Generator, methods: Sequence[RewrittenGenerator], measured: pd.DataFrame, pairs: int
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and facts of the panel: ``unmodified`` and each method's name (S, H, W, 3) uint8.

    Facts: ``methods`` in the order of the rows and ``places`` of the marks in that of the columns;
    ``columns``: samples shown of each place; ``bearing``: in how many of these the detector sees
    its mark; ``units`` silenced and ``layer`` changed, by method;
    ``seen``: images in which the detector sees the mark of each place, by method; n, seed,
    segmenter and weights_sha256.

    Args:
        methods: the changed generators, in the order of the figure's rows.
        measured: measurements of the same methods, as `measure_marks` gives them.
        pairs: images shown.

    Raises:
        ParameterError: fewer samples than ``pairs``, or measurements without one of the methods.
    """
    names = [UNMODIFIED, *(method.name for method in methods)]
    if lacking := [name for name in names if name not in set(measured["method"])]:
        raise ParameterError(f"figure fig05_watermarks: {lacking[0]} was not measured")
    columns = first_marked(measured, pairs)
    chosen = [sample for samples in columns.values() for sample in samples]
    rows = {name: measured[measured["method"] == name] for name in names}
    n, seed = len(rows[UNMODIFIED]), int(measured["seed"].iloc[0])
    z = sample_z(generator, n, seed)[chosen]
    made = {UNMODIFIED: generator, **{method.name: method.generator for method in methods}}
    arrays = {
        name: np.concatenate([as_picture(changed(part)) for part in z.split(BATCH)])
        for name, changed in made.items()
    }
    facts = {
        "figure": "fig05_watermarks",
        "methods": names,
        "places": list(columns),
        "columns": list(columns.values()),
        "bearing": [
            int(rows[UNMODIFIED].set_index("sample").loc[samples, place].sum())
            for place, samples in columns.items()
        ],
        "layer": {method.name: method.layer for method in methods},
        "units": {name: int(of_method["units"].iloc[0]) for name, of_method in rows.items()},
        "seen": {
            name: [int(of_method[place].sum()) for place in columns]
            for name, of_method in rows.items()
        },
        "n": n,
        "seed": seed,
        "segmenter": str(measured["segmenter"].iloc[0]),
        "weights_sha256": generator.weights_sha256,
    }
    return {**arrays, "samples": np.array(chosen)}, facts
