"""The paper's own figures: they stand beside ours in the same rows; an empty cell stays empty."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from palimpsest.errors import ParameterError
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.comparison.tables_1_and_2 import Measured, domes_table, smile_table
from palimpsest.experiments.paper_figures import (
    TABLE1,
    TABLE2,
    TABLE3,
    PaperTable,
    read_paper_figures,
)

SHIPPED = Path(__file__).parents[2] / "data" / "paper_figures"
TABLES = {"table1_smile": TABLE1, "table2_domes": TABLE2, "table3_watermarks": TABLE3}
FEW = Intervals(resamples=50)


@pytest.mark.parametrize("name", TABLES)
def test_the_files_have_every_row_of_the_papers_tables(name: str) -> None:
    table = TABLES[name]
    with open(SHIPPED / f"{name}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [tuple(row[key] for key in table.keys) for row in rows] == list(table.rows)
    read_paper_figures(SHIPPED / f"{name}.csv", table)
    assert {file.stem for file in SHIPPED.glob("*.csv")} == set(TABLES)


def test_the_figures_are_those_of_the_paper() -> None:
    smile = read_paper_figures(SHIPPED / "table1_smile.csv", TABLE1)
    domes = read_paper_figures(SHIPPED / "table2_domes.csv", TABLE2)
    marks = read_paper_figures(SHIPPED / "table3_watermarks.csv", TABLE3)
    assert smile["projected_gradient",] == {
        "paper_smiling_percent": 84.37,
        "paper_lpips_masked": 0.04,
    }
    assert smile["unmodified",] == {"paper_smiling_percent": 78.37, "paper_realism_percent": 50.9}
    assert domes["dome2spire", "projected_gradient"]["paper_modified_percent"] == 92.03
    assert domes["dome2tree", "direct_lambda"]["paper_modified_percent"] == 59.43
    assert domes["dome2spire", "unmodified"] == {"paper_realism_percent": 63.8}
    assert ("dome2tree", "unmodified") not in domes
    assert marks["rank_one",] == {"paper_middle_count": 0, "paper_bottom_count": 0}
    assert marks["unmodified",] == {"paper_middle_count": 64, "paper_bottom_count": 26}


def test_figures_stand_beside_ours_in_their_rows_alone(tmp_path, measurements) -> None:
    path = tmp_path / "table2_domes.csv"
    path.write_text(
        "edit,method,modified_percent,lpips_masked,realism_percent\n"
        "dome2spire,unmodified,0,0.125,\n"
        "dome2tree,single_layer,,,\n"
    )
    paper = read_paper_figures(path, TABLE2)
    assert paper == {
        ("dome2spire", "unmodified"): {"paper_modified_percent": 0, "paper_lpips_masked": 0.125}
    }
    edits = ("dome2spire", "dome2tree")
    measured = {("church", edit): Measured(measurements) for edit in edits}
    table, without = domes_table(measured, FEW, paper), domes_table(measured, FEW)
    assert list(table.columns) == list(without.columns)
    given = (table["edit"] == "dome2spire") & (table["method"] == "unmodified")
    assert table.loc[given, list(TABLE2.columns)].to_numpy().tolist()[0][:2] == [0, 0.125]
    table.loc[given, list(TABLE2.columns)] = np.nan
    assert table.to_csv() == without.to_csv()


def test_a_smile_has_no_edit_beside_it(measurements) -> None:
    rows = measurements.assign(shows=True)
    one = {("face", "smile"): Measured(rows)}
    table = smile_table(one, FEW, {("unmodified",): {"paper_smiling_percent": 12.5}})
    by_method = table.set_index("method")["paper_smiling_percent"]
    assert by_method["unmodified"] == 12.5 and by_method.drop("unmodified").isna().all()


HEADER = "method,middle_count,bottom_count\n"


@pytest.mark.parametrize(
    ("text", "table", "said"),
    [
        (
            "method,middle_count\nunmodified,1\n",
            TABLE3,
            "row 1: has no column bottom_count; the columns are method, middle_count",
        ),
        ("", TABLE3, "is empty"),
        (HEADER.replace("\n", ",sum\n"), TABLE3, "row 1: unknown column 'sum'"),
        (HEADER + "newton,1,1\n", TABLE3, "row 2: the paper's table has no row newton"),
        (HEADER + "rank_one,,\nrank_one,1,\n", TABLE3, "row 3: rank_one occurs twice"),
        (
            HEADER + "rank_one,few,\n",
            TABLE3,
            "row 2: middle_count is 'few'; it should be a valid integer",
        ),
        (
            HEADER + "rank_one,,-1\n",
            TABLE3,
            "row 2: bottom_count is '-1'; it should be greater than or equal to 0",
        ),
        (HEADER + "rank_one,inf,\n", TABLE3, "row 2: middle_count is 'inf'"),
        (HEADER + "rank_one,nan,\n", TABLE3, "row 2: middle_count is 'nan'"),
        (HEADER + "rank_one\n", TABLE3, "row 2: has 1 cells under 3 columns"),
        (HEADER + "rank_one,1,2,3\n", TABLE3, "row 2: has 4 cells under 3 columns"),
        (
            "method,smiling_percent,lpips_masked,realism_percent\nunmodified,101,,\n",
            TABLE1,
            "row 2: smiling_percent is '101'; it should be less than or equal to 100",
        ),
    ],
)
def test_an_invalid_row_is_named(tmp_path: Path, text: str, table: PaperTable, said: str) -> None:
    path = tmp_path / "figures.csv"
    path.write_text(text)
    with pytest.raises(ParameterError, match=said):
        read_paper_figures(path, table)
