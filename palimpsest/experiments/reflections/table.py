"""The table of section 5.3: the sign of the reflection rule, layer by layer.

    reflection_table(read_rule("reflections.parquet"), Intervals()).to_csv("reflection.csv")

Means have a bootstrap interval over samples, shares a Wilson interval.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from palimpsest.errors import PalimpsestError
from palimpsest.estimates.columns import estimate_columns, only
from palimpsest.estimates.intervals import Estimate, Intervals, bootstrap_mean
from palimpsest.experiments.reflections.measure import ORIGINAL, REWRITTEN
from palimpsest.files.measurements import read_measurements
from palimpsest.instruments.detectors.reflections import NOTICEABLE

NEEDED = (
    "sample",
    "rule",
    "layer",
    "rank",
    "with_window",
    "without_window",
    "scene_with_window",
    "scene_without_window",
    "window_seen",
    "empty_seen",
    "change_elsewhere",
    "loss",
    "scale",
    "segmenter",
)


def read_rule(path: str | Path) -> pd.DataFrame:
    """Measurements of the rule. Raises `PalimpsestError` for another file."""
    return read_measurements(path, NEEDED, "the reflections")


def reflection_table(measured: pd.DataFrame, intervals: Intervals) -> pd.DataFrame:
    """For each layer a row of the original and one of each edit, the highest rank first.

    - ``reflection_with_window``, ``reflection_without_window``: brightness of the echoes, 0 to 1,
      with the windows switched on and off by their units;
    - ``reflection_rule``: the first minus the second, sample by sample: positive where the table
      reflects the windows, negative where the rule is inverted;
    - ``inverted_percent``: samples whose echo is darker with the windows, by `NOTICEABLE` or more;
    - ``scene_rule``, ``scene_inverted_percent``: the same with the windows switched by z; empty for
      painted scenes, whose z has no flags;
    - ``window_seen_percent``, ``empty_seen_percent``: the slots' pixels labelled as windows, with
      the switch on and off;
    - ``change_elsewhere_percent``: mean change of a pixel outside slots and echoes (black to white
      is 100 %);
    - ``loss`` on the pairs that the edit was tuned to; ``rank``: 0 for the original.

    The original is the same for all layers. Raises `PalimpsestError` for measurements without the
    original, or without an edit.
    """
    rules = {rule: part for rule, part in measured.groupby("rule")}
    for rule in (ORIGINAL, REWRITTEN):
        if rule not in rules:
            raise PalimpsestError(f"measurements: no row is {rule}; measure the reflections again")
    rows = []
    for layer, edits in rules[REWRITTEN].groupby("layer"):
        parts = [(0, ORIGINAL, rules[ORIGINAL])]
        parts += [
            (rank, REWRITTEN, part)
            for rank, part in sorted(edits.groupby("rank"), key=lambda pair: -pair[0])
        ]
        for rank, rule, part in parts:
            named = {"layer": int(layer), "rule": rule, "rank": int(rank)}
            part = part.sort_values("sample")
            rows.append(named | _estimates(part, intervals) | _facts(part))
    return pd.DataFrame(rows)


def _estimates(part: pd.DataFrame, intervals: Intervals) -> dict[str, float]:
    def mean(numbers: pd.Series) -> Estimate:
        # not `intervals.mean`, which leaves out NaN: a single missing number is an error here
        return bootstrap_mean(numbers, intervals.level, intervals.resamples, intervals.seed)

    def inverted(rule: pd.Series) -> Estimate:
        return intervals.images(rule <= -NOTICEABLE)

    rule = part["with_window"] - part["without_window"]
    scenes = part["scene_with_window"] - part["scene_without_window"]
    if scenes.isna().all():
        scenes = scenes[:0]  # an estimate of no samples is NaN
    found = {
        "reflection_with_window": mean(part["with_window"]),
        "reflection_without_window": mean(part["without_window"]),
        "reflection_rule": mean(rule),
        "inverted_percent": inverted(rule),
        "scene_rule": mean(scenes),
        "scene_inverted_percent": inverted(scenes),
        "window_seen_percent": mean(100 * part["window_seen"]),
        "empty_seen_percent": mean(100 * part["empty_seen"]),
        "change_elsewhere_percent": mean(100 * part["change_elsewhere"]),
    }
    return estimate_columns(found)


def _facts(part: pd.DataFrame) -> dict[str, object]:
    told = {column: only(part, column) for column in ("loss", "scale", "segmenter")}
    return {**told, "loss": float(told["loss"]), "n": len(part)}
