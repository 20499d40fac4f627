"""The table of switched units, from rows made by hand."""

import numpy as np
import pandas as pd
import pytest

from palimpsest.errors import PalimpsestError
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.units.measure import SWITCHES
from palimpsest.experiments.units.table import units_table

FEW = Intervals(resamples=50)


def rows() -> pd.DataFrame:
    made = []
    for number, switch in enumerate(SWITCHES):
        on = switch.switched == "on"
        for sample in range(4):
            made.append(
                {**switch._asdict(), "sample": sample, "area_pixels": 100}
                | {"before_pixels": 10 * sample, "after_pixels": number}
                | {"own_copied_pixels": 50.0 if on else np.nan}
                | {"carried_before_pixels": 20.0 if on else np.nan}
                | {"carried_after_pixels": 80.0 if on else np.nan}
                | {"elsewhere_pixels": 200, "elsewhere_changed_pixels": 1}
                | {"thing": "door" if on else "tree", "layer": 8 if on else 6, "units": 20}
                | {"seed": 3, "scale": "test", "segmenter": "plain"}
            )
    return pd.DataFrame(made).sample(frac=1, random_state=1)


def test_shares_of_all_pixels_with_intervals():
    table = units_table(rows(), FEW)
    assert [tuple(row) for row in table[["switched", "place", "chosen_by"]].values] == [
        tuple(switch) for switch in SWITCHES
    ]
    assert (table["before_percent"] == 15).all() and set(table["n"]) == {4}
    assert table["after_percent"].tolist() == pytest.approx(range(len(SWITCHES)))
    assert (table["before_percent_low"] < 15).all() and (table["before_percent_high"] > 15).all()
    assert (table["elsewhere_percent"] == 0.5).all()
    on = table["switched"] == "on"
    assert (table.loc[on, "own_copied_percent"] == 50).all()
    assert (table.loc[on, "carried_after_percent"] == 80).all()
    assert table.loc[~on, "carried_after_percent"].isna().all()
    assert set(table.loc[on, "layer"]) == {8} and set(table.loc[~on, "thing"]) == {"tree"}


def test_a_missing_way_is_named():
    measured = rows()
    with pytest.raises(PalimpsestError, match="no on unfit cause; measure the units again"):
        units_table(
            measured[~((measured["place"] == "unfit") & (measured["chosen_by"] == "cause"))], FEW
        )
