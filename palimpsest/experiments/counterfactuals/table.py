"""The table of edits against the world's own answers: how near each comes to its new rule.

answers_table({"church": rows}, Intervals()).to_csv("counterfactuals.csv")
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from palimpsest.estimates.columns import estimate_columns, only
from palimpsest.experiments.comparison.table import Intervals

NEEDED = ("sample", "session", "method", "counterfactual_error", "generator_error", "perceptual")


def answers_table(measured: Mapping[str, pd.DataFrame], intervals: Intervals) -> pd.DataFrame:
    """Two rows, unmodified and edited, for each model and session.

    - ``counterfactual_error``: perceptual distance of the images to the world's own renders of
      their scenes under the new rule, mean over the ``n`` scenes that the rule changes;
    - ``nearer_percent``: of those images, how many came nearer to that render by the edit;
    - ``generator_error``: of the unedited images to the renders of their scenes as they are.
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
