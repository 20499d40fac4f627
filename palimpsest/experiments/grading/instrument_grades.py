"""The table of instruments: the grades that each instrument carries in its file.

instruments_table([load_segmenter(...), load_classifier(...)]).to_csv(...)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from palimpsest.errors import PalimpsestError
from palimpsest.estimates.columns import column_names
from palimpsest.instruments.base import Instrument

RATES = ("accuracy", "false_positive", "false_negative")


def instruments_table(instruments: Iterable[Instrument]) -> pd.DataFrame:
    """One row for each instrument, resolution and blur of its grades, numbers unrounded.

    On ``n`` held-out renders, blurred by a Gaussian of sigma ``blur`` pixels (generated images are
    about as soft as sigma 0.7 at 128 pixels). Of a segmenter: ``mean_iou`` over classes,
    ``pixel_accuracy`` and its ``worst_class`` with ``worst_class_iou``. Of a classifier:
    ``accuracy_percent``, ``false_positive_percent`` and ``false_negative_percent``, with 95 %
    Wilson intervals in ``*_low`` and ``*_high``. The other kind's figures are empty.

    Raises `PalimpsestError` for an instrument without grades.
    """
    rows = []
    for instrument in instruments:
        grades = instrument.facts.get("grades")
        if not grades:
            raise PalimpsestError(f"{instrument.name}: was never graded; train it again")
        for grade in grades:
            rows.append(
                {
                    "instrument": instrument.name,
                    "world": instrument.world,
                    "resolution": grade["resolution"],
                    "blur": grade["blur"],
                    **_of_segmenter(grade),
                    **_of_classifier(grade),
                    "n": grade["n"],
                }
            )
    return pd.DataFrame(rows)


def _of_segmenter(grade: Mapping[str, Any]) -> dict[str, float | str]:
    if "iou" not in grade:
        names = ("mean_iou", "pixel_accuracy", "worst_class", "worst_class_iou")
        return dict.fromkeys(names, np.nan)
    seen = {name: value for name, value in grade["iou"].items() if value is not None}
    worst = min(seen, key=seen.__getitem__)
    return {
        "mean_iou": grade["mean_iou"],
        "pixel_accuracy": grade["pixel_accuracy"],
        "worst_class": worst,
        "worst_class_iou": seen[worst],
    }


def _of_classifier(grade: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    for rate in RATES:
        for key, column in zip(column_names(rate), column_names(f"{rate}_percent"), strict=True):
            value = grade.get(key)
            found[column] = np.nan if value is None else 100 * value
    return found
