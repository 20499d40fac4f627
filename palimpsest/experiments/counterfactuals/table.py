"""The table of edits compared with the world's counterfactuals of their rules.

counterfactuals_table({"church": rows}, Intervals()).to_csv("counterfactuals.csv")
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from palimpsest.estimates.columns import estimate_columns, only
from palimpsest.estimates.intervals import Intervals

NEEDED = ("sample", "session", "method", "counterfactual_error", "generator_error", "perceptual")


def counterfactuals_table(
    measured: Mapping[str, pd.DataFrame], intervals: Intervals
) -> pd.DataFrame:
    """Two rows, unmodified and edited, for each model and session.

    - ``counterfactual_error``: mean perceptual distance of the images to the world's renders of
      their scenes under the new rule, over the ``n`` scenes that the rule changes;
    - ``nearer_percent``: share of those images that the edit brought nearer to that render;
    - ``generator_error``: mean distance of the unedited images to the renders of their scenes
      without the rule.
    """
    rows = []
    for model, table in measured.items():
        for session, of_session in table.groupby("session", sort=False):
            by_method = dict(list(of_session.groupby("method", sort=False)))
            errors = {
                method: part.set_index("sample")["counterfactual_error"].sort_index()
                for method, part in by_method.items()
            }
            for method, part in by_method.items():
                found = {
                    name: intervals.mean(part.sort_values("sample")[name])
                    for name in ("counterfactual_error", "generator_error")
                }
                if method != "unmodified":
                    found["nearer_percent"] = intervals.images(
                        errors[method] < errors["unmodified"]
                    )
                rows.append(
                    {"model": model, "session": session, "method": method}
                    | estimate_columns(found)
                    | {"n": len(part)}
                    | {name: only(part, name) for name in ("scale", "seed", "perceptual")}
                )
    return pd.DataFrame(rows)
