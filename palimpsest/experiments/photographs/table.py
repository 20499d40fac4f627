"""The tables of reproduced and edited photographs and renders, a row for each kind of picture.

photographs_table(rows, errors, Intervals())      # of `measure.measure_photographs`
renders_table(rows, Intervals())                  # of `renders.measure_renders`
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from palimpsest.estimates.columns import estimate_columns, only
from palimpsest.estimates.error_rates import Errors, corrected_rate
from palimpsest.estimates.intervals import NOTHING, Estimate, Intervals, percent
from palimpsest.experiments.photographs import measure, renders

NEEDED = (
    "photograph",
    "sticker",
    "picture",
    "shows",
    "perceptual_error",
    "pixel_error",
    "perceptual_outside",
    "pixel_outside",
    "sticker_error",
    "seconds",
    "rank",
    "strength",
)
FACTS = ("rank", "strength", "scale", "perceptual", "classifier")
"""Columns with one value for all rows."""

NEEDED_OF_RENDERS = (
    "render",
    "picture",
    "perceptual_error",
    "pixel_error",
    "counterfactual_error",
    "changed_error",
    "changed_pixel_error",
    "seconds",
)


def photographs_table(rows: pd.DataFrame, errors: Errors, intervals: Intervals) -> pd.DataFrame:
    """One row for each kind of picture of the same ``n`` photographs.

    - ``perceptual_error``, ``pixel_error``: mean distance to the photograph;
    - ``smiling_percent``, ``smiling_corrected_percent``: share that the classifier finds smiling,
      as it says and corrected for its known errors;
    - ``begin_smiling_percent``: of the ``n_not_smiling`` whose adapted picture does not smile, the
      share that smiles here; ``stop_smiling_percent``: of all others, the share that does not;
    - ``perceptual_outside_mouth``, ``pixel_outside_mouth``: mean change of the adapted picture
      outside the region of the mouth;
    - ``sticker_error``: mean difference of pixels in the sticker, over the ``n_stickers``
      photographs that were inverted with one; of the photograph itself: without the sticker;
    - ``rank``, ``strength``: of the edit;
    - ``seconds``: for one photograph, without the stages before.
    """
    plain, stickers = rows[~rows["sticker"]], rows[rows["sticker"]]
    before = plain[plain["picture"] == "adapted"].set_index("photograph")["shows"]
    made = []
    for picture in measure.PICTURES:
        of_picture = plain[plain["picture"] == picture].sort_values("photograph")
        shows = of_picture.set_index("photograph")["shows"]
        n, said = len(shows), int(shows.sum())
        found: dict[str, Estimate] = {
            name: intervals.mean(of_picture[name]) for name in ("perceptual_error", "pixel_error")
        }
        found["smiling_percent"] = intervals.images(shows)
        found["smiling_corrected_percent"] = percent(
            corrected_rate(said, n, errors, intervals.level)
        )
        for name, started in (("begin_smiling_percent", False), ("stop_smiling_percent", True)):
            changed = shows[before.reindex(shows.index) == started] != started
            is_edited = picture in (measure.EDITED, measure.SWITCHED)
            found[name] = intervals.images(changed) if is_edited else NOTHING
        for name in ("perceptual_outside", "pixel_outside"):
            found[f"{name}_mouth"] = intervals.mean(of_picture[name])
        with_one = stickers[stickers["picture"] == picture].sort_values("photograph")
        found["sticker_error"] = intervals.mean(with_one["sticker_error"])
        counts = {
            "seconds": _seconds(of_picture),
            "n": n,
            "n_not_smiling": int((~before).sum()),
            "n_stickers": len(with_one),
        }
        facts = {name: only(rows, name) for name in FACTS}
        made.append({"picture": picture} | estimate_columns(found) | counts | facts)
    return pd.DataFrame(made)


def renders_table(rows: pd.DataFrame, intervals: Intervals) -> pd.DataFrame:
    """One row for each stage, and one for the edited reproduction of the same ``n`` renders.

    - ``perceptual_error``, ``pixel_error``: mean distance to the render;
    - ``counterfactual_error``: to the scene's render under the new rule;
    - ``changed_error``, ``changed_pixel_error``: the same in the pixels that the rule changes;
    - ``nearer_percent``: share of the renders that the edit brought nearer there;
    - ``seconds``: for one render, without the stages before.
    """
    errors = rows.pivot(index="render", columns="picture", values="changed_error")
    nearer = errors[renders.EDITED] < errors["adapted"]
    made = []
    for picture, part in rows.groupby("picture", sort=False):
        part = part.sort_values("render")
        found = {name: intervals.mean(part[name]) for name in NEEDED_OF_RENDERS[2:7]}
        edited = picture == renders.EDITED
        found["nearer_percent"] = intervals.images(nearer) if edited else NOTHING
        facts = {name: only(rows, name) for name in ("session", "seed", "scale", "perceptual")}
        counts = {"seconds": _seconds(part), "n": len(part)}
        made.append({"picture": picture} | estimate_columns(found) | counts | facts)
    return pd.DataFrame(made)


def _seconds(part: pd.DataFrame) -> float:
    seconds = part["seconds"].dropna()
    return float(seconds.mean()) if len(seconds) else np.nan
