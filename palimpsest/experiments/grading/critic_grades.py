"""The table of critics: how often each prefers a world's counterfactual to a spoilt version.

critics_table(["church-critic.safetensors"]).to_csv("critic_grades.csv")
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from palimpsest.errors import PalimpsestError
from palimpsest.estimates.columns import column_names
from palimpsest.instruments.critics.critic import described


def critics_table(paths: Iterable[str | Path]) -> pd.DataFrame:
    """One row for each critic, ``rule`` of its world and ``kind`` of spoilt version.

    ``preferred_percent``: scenes in which the counterfactual's drop is the smaller one, with 95 %
    Wilson intervals; ``counterfactual_drop`` and ``spoilt_drop``: means of both (`grade_critic`).

    Raises `CheckpointError` for a file that is no critic, `PalimpsestError` for one without grades.
    """
    rows = []
    for path in paths:
        about = described(path)
        grades = about["facts"].get("grades")
        if not grades:
            raise PalimpsestError(f"{path}: was never graded; train it again")
        for grade in grades:
            estimate = [100 * grade[key] for key in column_names("share")]
            preferred = dict(zip(column_names("preferred_percent"), estimate, strict=True))
            rows.append(
                {"model": about["model"], "rule": grade["rule"], "kind": grade["kind"]}
                | preferred
                | {name: grade[name] for name in ("counterfactual_drop", "spoilt_drop", "n")}
            )
    return pd.DataFrame(rows)
