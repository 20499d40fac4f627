"""The whole chain with the real stages, at the scale `smoke`, in a copy of the checkout."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from .conftest import ROOT, Checkout, copy_checkout

WEIGHTS = ROOT / "data" / "weights" / "mini"

pytestmark = [
    pytest.mark.pipeline,
]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    folder = tmp_path_factory.mktemp("smoke")
    copy_checkout(folder)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "stages", folder / "stages", ignore=ignored)
    shutil.copytree(WEIGHTS, folder / "data" / "weights" / "mini")
    bin_folder = Path(sys.executable).parent
    checkout = Checkout(folder, f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
    done = checkout.snakemake("--config", "scale=smoke")
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return checkout


def test_run_again_it_plans_nothing(smoke: Checkout) -> None:
    assert smoke.plan("--config", "scale=smoke") == {}


def test_every_method_has_its_row_and_its_interval(smoke: Checkout) -> None:
    table = pd.read_csv(smoke.folder / "results/tables/table2_domes.csv")
    methods = {
        "projected_gradient",
        "direct_lambda",
        "single_context",
        "single_layer",
        "finetune_all",
        "newton",
        "palimpsest",
        "unmodified",
    }
    assert len(table) == 2 * len(methods) and set(table["method"]) == methods
    assert set(table["scale"]) == {"smoke"}
    rows = table.dropna(subset=["modified_percent"])
    assert (rows["modified_percent_low"] <= rows["modified_percent"]).all()
    assert (rows["modified_percent"] <= rows["modified_percent_high"]).all()
    unmodified = table[table["method"] == "unmodified"]
    assert (unmodified["modified_percent"].fillna(0) == 0).all()


def test_measurements_hold_a_row_per_image_and_method(smoke: Checkout) -> None:
    rows = pd.read_parquet(smoke.folder / "results/measurements/dome2spire.parquet")
    counts = rows.groupby("method").size()
    assert set(counts) == {24}


def test_every_generator_has_its_grades_and_the_kitchen_its_rule(smoke: Checkout) -> None:
    tables = smoke.folder / "results/tables"
    grades = pd.read_csv(tables / "generator_grades.csv").set_index(["model", "figure"])
    assert set(grades.index.get_level_values("model")) == {"church", "face", "horse", "kitchen"}
    assert grades.loc[("face", "smile_percent"), ["generator", "world", "truth"]].notna().all()
    rule = pd.read_csv(tables / "causal_rule.csv")
    assert set(rule["model"]) == {"kitchen"}
    assert set(rule["intervention"]) == {"natural", "splice", "units", "units_by_iou"}
    instruments = pd.read_csv(tables / "instrument_grades.csv")
    assert len(set(instruments["instrument"])) == 5


def test_every_figure_is_a_picture_with_a_caption(smoke: Checkout) -> None:
    figures = sorted((smoke.folder / "results/figures").glob("*.png"))
    assert len(figures) == 15
    for file in figures:
        assert min(Image.open(file).size) > 50
        assert "smoke" in file.with_suffix(".txt").read_text()


def test_the_report_stands_alone(smoke: Checkout) -> None:
    page = (smoke.folder / "results/report.html").read_text()
    for name in (
        "table2_domes.csv",
        "edits.csv",
        "generator_grades.csv",
        "table3_watermarks.csv",
        "causal_rule.csv",
        "reflection.csv",
        "instrument_grades.csv",
    ):
        assert name in page
    assert page.count("data:image/png;base64,") >= 15
    assert "http://" not in page.replace("http://www.w3.org", "")
