"""Table 3: watermarks left in the images by every method.

table, errors = read_marks("results/measurements/watermarks.parquet")
watermarks_table(table, errors, level=0.95, resamples=2000, seed=0).to_csv(...)
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from palimpsest.errors import ParameterError
from palimpsest.estimates.columns import estimate_columns, only, order_key
from palimpsest.estimates.error_rates import corrected_count
from palimpsest.estimates.intervals import bootstrap_mean
from palimpsest.experiments.paper_figures import MARK_METHODS, TABLE3, PaperFigures
from palimpsest.instruments.detectors.watermarks import DetectorErrors

METHODS = (*MARK_METHODS, "rank_one_each")
"""Rows in the paper's order, then this project's own: a rule for each mark. Others come after."""


def watermarks_table(
    measured: pd.DataFrame,
    errors: DetectorErrors,
    paper: PaperFigures | None = None,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """One row for each method, numbers unrounded, the ``paper``'s beside ours.

    - ``middle_count``, ``bottom_count``: images that bear the mark, corrected for how often the
      detectors err, with their ``*_low`` and ``*_high``; of ``n`` images;
    - ``middle_seen``, ``bottom_seen``: images in which the detector sees it, as counted;
    - ``perceptual_outside``: distance to the unmodified image where it bore no mark, mean over
      images, with its bootstrap interval;
    - ``units``: units that the method silenced, of as many as the layer has.

    Args:
        measured, errors: as `read_marks` gives them.
        paper: what the paper counted in 1,000 images.
        level, resamples, seed: of the intervals.

    Raises:
        ParameterError: detectors that were not graded with and without marks, or tell nothing; or
            rows of more than one scale, instrument or number of units for one method.
    """
    rows = []
    for method in sorted(measured["method"].unique(), key=lambda name: order_key(name, METHODS)):
        of_method = measured[measured["method"] == method].sort_values("sample")
        n = len(of_method)
        counts: dict[str, float] = {}
        seen: dict[str, int] = {}
        for mark, error in (("middle", errors.middle), ("bottom", errors.strip)):
            seen[f"{mark}_seen"] = int(of_method[mark].sum())
            try:
                found = corrected_count(seen[f"{mark}_seen"], n, error, level)
            except ValueError as problem:
                raise ParameterError(f"detector of the {mark} mark: {problem}") from None
            counts |= estimate_columns({f"{mark}_count": found})
        distance = of_method["perceptual_outside"].dropna()
        rows.append(
            {"method": method, "scale": only(of_method, "scale"), "n": n}
            | counts
            | seen
            | estimate_columns(
                {"perceptual_outside": bootstrap_mean(distance, level, resamples, seed)}
            )
            | {"units": int(only(of_method, "units"))}
            | {name: only(of_method, name) for name in ("perceptual", "segmenter")}
            | dict.fromkeys(TABLE3.columns, np.nan)
            | dict((paper or {}).get((method,), {}))
        )
    return pd.DataFrame(rows)
