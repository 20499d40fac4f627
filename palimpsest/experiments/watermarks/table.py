"""Table 3: watermarks left in the images by every method.

table, errors = read_marks("results/measurements/watermarks.parquet")
watermarks_table(table, errors, Intervals()).to_csv(...)
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from palimpsest.errors import ParameterError
from palimpsest.estimates.columns import estimate_columns, only, order_key
from palimpsest.estimates.error_rates import corrected_count
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.paper_figures import MARK_METHODS, TABLE3, PaperFigures
from palimpsest.experiments.watermarks.count import Count, PeoplesMarks, people_columns
from palimpsest.instruments.detectors.watermarks import DetectorErrors

METHODS = (*MARK_METHODS, "rank_one_images", "rank_one_each", "oracle_rank_one")
"""Rows in the paper's order, then this project's own. Others follow."""


def watermarks_table(
    measured: pd.DataFrame,
    errors: DetectorErrors,
    intervals: Intervals,
    paper: PaperFigures | None = None,
    people: tuple[Count, PeoplesMarks] | None = None,
) -> pd.DataFrame:
    """One row for each method, numbers unrounded, the ``paper``'s beside ours.

    - ``middle_count``, ``bottom_count``: of ``n`` images, those with the mark, corrected for the
      detectors' error rates, with ``*_low`` and ``*_high``;
    - ``middle_seen``, ``bottom_seen``: images in which the detector sees the mark, uncorrected;
    - ``perceptual_outside``: distance to the unmodified image over its pixels without a mark, mean
      over images, with its bootstrap interval;
    - ``units``: number of units that the method silenced;
    - if ``people`` counted: the columns of `people_columns`.

    Args:
        measured, errors: as read by `read_marks`.
        paper: the paper's counts in 1,000 images.
        people: the key of a count, and what its raters marked.

    Raises:
        ParameterError: detectors without error rates, or with rates that allow no correction; rows
            of one method with several scales, instruments or numbers of units.
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
                found = corrected_count(seen[f"{mark}_seen"], n, error, intervals.level)
            except ValueError as problem:
                raise ParameterError(f"detector of the {mark} mark: {problem}") from None
            counts |= estimate_columns({f"{mark}_count": found})
        rows.append(
            {"method": method, "scale": only(of_method, "scale"), "n": n}
            | counts
            | seen
            | estimate_columns(
                {"perceptual_outside": intervals.mean(of_method["perceptual_outside"])}
            )
            | {"units": int(only(of_method, "units"))}
            | {name: only(of_method, name) for name in ("perceptual", "segmenter")}
            | dict.fromkeys(TABLE3.columns, np.nan)
            | dict((paper or {}).get((method,), {}))
            | (people_columns(*people, method, n, intervals) if people else {})
        )
    return pd.DataFrame(rows)
