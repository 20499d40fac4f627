"""Numbers of tables as JSON: named by row and column, unrounded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from palimpsest.errors import PalimpsestError
from stages.collect_metrics import main, rows_of

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def test_numbers_are_named_by_table_row_and_column(tmp_path: Path) -> None:
    table = tmp_path / "table2_domes.csv"
    table.write_text(
        "edit,method,n,modified_percent,paper_modified_percent,scale\n"
        "dome2spire,newton,1000,0.1234567890123,,mini\n"
        "dome2spire,single_layer,1000,2.5,86.0,mini\n"
    )
    main([table], tmp_path / "metrics.json")
    assert json.loads((tmp_path / "metrics.json").read_text()) == {
        "table2_domes": {
            "dome2spire newton": {"n": 1000, "modified_percent": 0.1234567890123},
            "dome2spire single_layer": {
                "n": 1000,
                "modified_percent": 2.5,
                "paper_modified_percent": 86.0,
            },
        }
    }


def test_a_number_that_says_what_a_row_is_belongs_to_its_name(tmp_path: Path) -> None:
    table = tmp_path / "reflection.csv"
    table.write_text("layer,rule,rank,loss\n5,rewritten,1,0.5\n5,rewritten,192,0.25\n")
    main([table], tmp_path / "metrics.json")
    assert json.loads((tmp_path / "metrics.json").read_text()) == {
        "reflection": {"rewritten 5 1": {"loss": 0.5}, "rewritten 5 192": {"loss": 0.25}}
    }


@pytest.mark.parametrize("sessions", [("dome2tree", ""), ("", "")])
def test_a_label_left_empty_is_no_part_of_the_name(
    tmp_path: Path, sessions: tuple[str, str]
) -> None:
    table = tmp_path / "layer_choice.csv"
    church, kitchen = sessions
    table.write_text(f"generator,session,layer\nchurch,{church},6\nkitchen,{kitchen},\n")
    main([table], tmp_path / "metrics.json")
    assert json.loads((tmp_path / "metrics.json").read_text()) == {
        "layer_choice": {f"church {church}".strip(): {"layer": 6}, "kitchen": {}}
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", "no column names its rows"),
        ("method,n\nx,1\nx,2\n", "two rows are named 'x'"),
    ],
)
def test_rows_that_cannot_be_named_are_refused(tmp_path: Path, text: str, says: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(text)
    with pytest.raises(PalimpsestError, match=says):
        main([table], tmp_path / "metrics.json")
    assert not (tmp_path / "metrics.json").exists()


@pytest.mark.parametrize(
    "table",
    [
        # the curve of a training is a figure's, and no table of the run
        *(f for f in sorted(RESULTS.glob("*.csv")) if not f.stem.startswith("training_curve"))
    ],
    ids=lambda file: file.stem,
)
def test_every_table_of_the_last_run_has_rows_with_names_of_their_own(table: Path) -> None:
    assert len(rows_of(table)) == len(table.read_text().splitlines()) - 1
