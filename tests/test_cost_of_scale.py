"""The page of costs says what its CSV holds; its hours come from the plan of the paper's scale."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.cost_of_scale import KEY, read_table, with_row
from benchmarks.scale_page import Costs, hour_table, measured_tables, node_table, replaced, shares
from benchmarks.scale_pieces import PIECES
from benchmarks.scale_plan import Item, Unit, items_of, paper_plan

ROOT = Path(__file__).parents[1]


def test_the_page_holds_the_tables_of_its_csv() -> None:
    page = (ROOT / "docs" / "cost-of-scale.md").read_text()
    table = read_table(ROOT / "docs" / "cost-of-scale.csv")
    for name, text in measured_tables(table).items():
        assert f"<!-- {name} -->\n\n{text}\n\n<!-- end -->" in page, name


def test_the_counts_are_those_of_the_plan() -> None:
    plan = paper_plan(ROOT)
    items = items_of(plan)
    measured = {item.job: item for item in items if item.rule == "measure"}
    assert measured.keys() == plan.measured_sessions.keys()
    assert {item.count for item in measured.values()} == {plan.parameters.measure.samples}
    assert {item.shards for item in measured.values()} == {plan.parameters.compute.shards}
    statistics = [item for item in items if item.rule == "key_statistics"]
    assert {item.job for item in statistics} == set(plan.statistics_files)
    solved = {item.job for item in items if item.rule.startswith(("rewrite", "tune"))}
    assert len(solved) == len(plan.session_edits) + len(
        {
            file
            for one in plan.measured_sessions.values()
            for file in plan.measured_edits(*one).values()
        }
        - set(plan.session_edits)
    )


def rows(*found: dict[str, object]) -> pd.DataFrame:
    usual = {"kind": "stylegan2", "layer": 8, "together": 1, "edits": 1, "images": False}
    usual |= {"method": "", "device": "cpu", "peak_mb": 900.0, "wall_seconds": 9.0, "parts": "{}"}
    return pd.DataFrame([usual | row for row in found])


COSTS = Costs(
    rows(
        {"work": "measure", "pixels": 256, "images": True, "cpu_seconds": 36.0},
        {"work": "measure", "pixels": 256, "edits": 1, "cpu_seconds": 4.0},
        {"work": "measure", "pixels": 256, "edits": 2, "cpu_seconds": 6.5},
        {"work": "steps", "pixels": 256, "method": "finetune_all", "cpu_seconds": 3.6},
        {"work": "steps", "pixels": 256, "method": "newton", "cpu_seconds": 1.0, "device": "cuda"},
    )
)
SAMPLE = Unit("measure", 256, what="sample")
ITEMS = [
    Item("measure", "domes", "all methods", 1000, SAMPLE, 20),
    Item("measure", "trees", "all methods", 1000, SAMPLE, 20),
    Item("tune_weights", "domes", "finetune_all", 2000, Unit("steps", 256, method="finetune_all")),
    Item("sweep", "a", "edits", 1440, Unit("measure", 256, what="edit")),
    Item("sweep", "a", "steps", 10, Unit("steps", 256, method="newton")),
]


def test_hours_are_counts_times_costs_and_say_what_is_lacking() -> None:
    measure, tune, sweep = shares(COSTS, ITEMS, {"measure": 40, "tune_weights": 1, "sweep": 1})
    assert measure.rule == "measure" and measure.hours == pytest.approx(20)
    assert measure.longest == pytest.approx(0.5) and measure.lacking == 0
    assert tune.hours == tune.longest == pytest.approx(2)
    assert sweep.hours == pytest.approx(1) and sweep.lacking == 1  # measured on another device
    table = list(hour_table([measure, tune, sweep]))
    assert "| `sweep` (1 items not measured) | 1 | 1.0 | 1.0 |" in table
    assert table[-1] == "| together | 42 | 23.0 | |"


def test_no_number_of_nodes_is_faster_than_the_longest_chain() -> None:
    lines = list(node_table(shares(COSTS, ITEMS, {"measure": 40})))
    assert "| 1 | 11.5 | all the work |" in lines
    assert "| 32 | 2.5 | the longest chain of jobs |" in lines  # two hours of tuning, then a shard


def test_a_piece_that_is_measured_again_replaces_its_row() -> None:
    told = {name: getattr(PIECES[0], name) for name in KEY}
    other = {name: getattr(PIECES[1], name) for name in KEY}
    table = with_row(with_row(pd.DataFrame(), told | {"cpu_seconds": 1.0}), other)
    table = with_row(table, told | {"cpu_seconds": 2.0})
    assert len(table) == 2 and table["cpu_seconds"].tolist()[-1] == 2.0


def test_no_two_pieces_are_the_same() -> None:
    assert len({tuple(getattr(piece, name) for name in KEY) for piece in PIECES}) == len(PIECES)


def test_a_table_that_the_page_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="no table hours"):
        replaced("<!-- images -->\n<!-- end -->", "hours", ["|"])
