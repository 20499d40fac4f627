"""The whole chain with the real stages, at the scale `smoke`, in a copy of the checkout."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from palimpsest.files.measurements import measured_facts
from tests.doubles.drawn_photographs import drawn_archive

from . import reader
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
    archive = folder / "data" / "photographs" / "faces.zip"
    archive.parent.mkdir()
    drawn_archive(archive, range(8, 97, 8))  # all of them held out
    bin_folder = Path(sys.executable).parent
    checkout = Checkout(folder, f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
    done = checkout.snakemake("--config", "scale=smoke")
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return checkout


def test_run_again_it_plans_nothing(smoke: Checkout) -> None:
    assert smoke.plan("--config", "scale=smoke") == {}


@pytest.mark.skipif(sys.platform != "linux", reason="jobs share their imports on Linux only")
def test_jobs_share_their_imports(smoke: Checkout) -> None:
    """What Snakemake sees is then a small process that waits."""
    files = (smoke.folder / "logs" / "benchmarks").rglob("*.tsv")
    largest = pd.concat([pd.read_csv(file, sep="\t", na_values="-") for file in files])["max_rss"]
    assert len(largest) > 100 and largest.max() < 100  # MiB; one that imports PyTorch: 600


def test_every_method_has_its_row_and_its_interval(smoke: Checkout) -> None:
    table = pd.read_csv(smoke.folder / "results/tables/table2_domes.csv")
    methods = {
        "projected_gradient",
        "direct_lambda",
        "single_context",
        "single_layer",
        "finetune_all",
        "nbb_copy",
        "nbb_laplace",
        "newton",
        "palimpsest",
        "unmodified",
    }
    further = "palimpsest_rank_4"  # of trees alone
    assert len(table) == 2 * len(methods) + 1 and set(table["method"]) == {*methods, further}
    assert set(table["scale"]) == {"smoke"}
    rows = table.dropna(subset=["modified_percent"])
    assert (rows["modified_percent_low"] <= rows["modified_percent"]).all()
    assert (rows["modified_percent"] <= rows["modified_percent_high"]).all()
    unmodified = table[table["method"] == "unmodified"]
    assert (unmodified["modified_percent"].fillna(0) == 0).all()


def test_photographs_are_reproduced_edited_and_shown(smoke: Checkout) -> None:
    results = smoke.folder / "results"
    table = pd.read_csv(results / "tables/photographs.csv").set_index("picture")
    assert set(table["n"]) == {2} and set(table["n_stickers"]) == {1}
    assert set(table["classifier"]) == {"photographs-smile"}
    assert table.loc["adapted", "perceptual_error"] < table.loc["best_z", "perceptual_error"]
    assert len(pd.read_csv(results / "tables/renders.csv")) == 4
    assert "figS5_photographs" in (results / "report.html").read_text()


def test_units_are_switched_each_way(smoke: Checkout) -> None:
    table = pd.read_csv(smoke.folder / "results/tables/units.csv")
    assert len(table) == 9 and set(table["scale"]) == {"smoke"}
    assert (table["before_percent_low"] <= table["before_percent"]).all()
    rows = pd.read_parquet(smoke.folder / "results/measurements/units.parquet")
    assert set(table["n"]) <= set(rows.groupby(["switched", "place", "chosen_by"]).size())


RESAMPLES = 50  # of workflow/scales/smoke.yaml


def agrees(row: pd.Series, column: str, found: tuple[float, float, float]) -> None:
    told = [row[column], row[f"{column}_low"], row[f"{column}_high"]]
    np.testing.assert_allclose(told, found, rtol=1e-9, atol=1e-9, err_msg=f"{row.name} {column}")


@pytest.mark.parametrize("edit", ["dome2spire", "dome2tree"])
def test_a_reader_recomputes_table_2(smoke: Checkout, edit: str) -> None:
    table = pd.read_csv(smoke.folder / "results/tables/table2_domes.csv")
    table = table[table["edit"] == edit].set_index("method")
    rows = pd.read_parquet(smoke.folder / f"results/measurements/{edit}.parquet")
    assert set(rows["method"]) == set(table.index)
    for method, part in rows.groupby("method"):
        for name in ("modified", "removed"):
            above, below = f"{name}_pixels", "source_pixels"
            found = reader.ratio(part, lambda r, c=above: r[c], lambda r, c=below: r[c], RESAMPLES)
            agrees(table.loc[method], f"{name}_percent", tuple(100 * x for x in found))
        found = reader.ratio(
            part, lambda r: r["kept_pixels"], lambda r: r["outside_pixels"], RESAMPLES
        )
        agrees(table.loc[method], "labels_kept_percent", tuple(100 * x for x in found))
        shown = part[part["source_pixels"] > 0]
        agrees(table.loc[method], "converted_images_percent", reader.share(shown["converted"]))
        for column, measured in (
            ("perceptual_masked", "perceptual_outside"),
            ("counterfactual_error", "counterfactual_error"),
            ("generator_error", "generator_error"),
        ):
            agrees(table.loc[method], column, reader.mean(part, measured, RESAMPLES))


def smiles_of(model: str, smoke: Checkout) -> pd.DataFrame:
    """The rows of a model in Table 1, by method."""
    table = pd.read_csv(smoke.folder / "results/tables/table1_smile.csv")
    return table[table["model"] == model].set_index("method")


def test_a_reader_recomputes_table_1(smoke: Checkout) -> None:
    table = smiles_of("face", smoke)
    rows = pd.read_parquet(smoke.folder / "results/measurements/smile.parquet")
    assert set(rows["method"]) == set(table.index)
    for method, part in rows.groupby("method"):
        agrees(table.loc[method], "smiling_percent", reader.share(part["shows"]))
        found = reader.mean(part, "perceptual_outside", RESAMPLES)
        agrees(table.loc[method], "perceptual_masked", found)


def test_photographs_have_the_rows_of_table_1_and_their_smiles_are_corrected(
    smoke: Checkout,
) -> None:
    table = smiles_of("photo_faces", smoke)
    assert set(table.index) == {*smiles_of("face", smoke).index, "palimpsest_rank_4"}
    rows = pd.read_parquet(smoke.folder / "results/measurements/photo_smile.parquet")
    errors = measured_facts(smoke.folder / "results/measurements/photo_smile.parquet")
    known = json.loads(errors["classifier_errors"])
    wrong_yes = known["false_positives"] / known["negatives"]
    wrong_no = known["false_negatives"] / known["positives"]
    for method, part in rows.groupby("method"):
        agrees(table.loc[method], "smiling_percent", reader.share(part["shows"]))
        share = (part["shows"].mean() - wrong_yes) / (1 - wrong_yes - wrong_no)
        found = table.loc[method, "smiling_corrected_percent"]
        assert found == pytest.approx(100 * min(max(share, 0), 1))
    assert table["frechet_photographs"].notna().all() and table["frechet_new_rule"].isna().all()


def test_a_reader_recomputes_the_machines_measure(smoke: Checkout) -> None:
    table = smiles_of("face", smoke)
    vectors = pd.read_parquet(smoke.folder / "results/measurements/smile_features.parquet")
    sets = {m: np.stack(list(r["features"])).astype(float) for m, r in vectors.groupby("method")}
    wanted = sets.pop("renders_of_the_new_rule")
    for method, made in sets.items():
        one, other = np.cov(made, rowvar=False), np.cov(wanted, rowvar=False)
        cross = np.sqrt(np.linalg.eigvals(one @ other).astype(complex)).real.sum()
        apart = np.square(made.mean(0) - wanted.mean(0)).sum()
        value = apart + np.trace(one) + np.trace(other) - 2 * cross
        assert table.loc[method, "frechet_new_rule"] == pytest.approx(value, rel=1e-3, abs=1e-3)


def test_a_reader_recomputes_table_3_and_the_reflections(smoke: Checkout) -> None:
    results = smoke.folder / "results"
    table = pd.read_csv(results / "tables/table3_watermarks.csv").set_index("method")
    rows = pd.read_parquet(results / "measurements/watermarks.parquet")
    for method, part in rows.groupby("method"):
        assert table.loc[method, "middle_seen"] == part["middle"].sum()
        assert table.loc[method, "bottom_seen"] == part["bottom"].sum()
        found = reader.mean(part, "perceptual_outside", RESAMPLES)
        agrees(table.loc[method], "perceptual_outside", found)
    table = pd.read_csv(results / "tables/reflection.csv")
    rows = pd.read_parquet(results / "measurements/reflections.parquet")
    rows["reflection_rule"] = rows["with_window"] - rows["without_window"]
    for _, row in table[table["rule"] == "rewritten"].iterrows():
        part = rows[(rows["layer"] == row["layer"]) & (rows["rank"] == row["rank"])]
        agrees(row, "reflection_rule", reader.mean(part, "reflection_rule", RESAMPLES))


def test_a_reader_recomputes_the_counterfactuals(smoke: Checkout) -> None:
    table = pd.read_csv(smoke.folder / "results/tables/counterfactuals.csv")
    for model, told in table.groupby("model"):
        rows = pd.read_parquet(
            smoke.folder / f"results/measurements/counterfactuals/{model}.parquet"
        )
        for _, row in told.iterrows():
            of_session = rows[rows["session"] == row["session"]]
            errors = of_session.pivot(
                index="sample", columns="method", values="counterfactual_error"
            )
            part = of_session[of_session["method"] == row["method"]]
            agrees(
                row, "counterfactual_error", reader.mean(part, "counterfactual_error", RESAMPLES)
            )
            if row["method"] == "edited":
                agrees(row, "nearer_percent", reader.share(errors["edited"] < errors["unmodified"]))


def test_measurements_hold_a_row_per_image_and_method(smoke: Checkout) -> None:
    rows = pd.read_parquet(smoke.folder / "results/measurements/dome2spire.parquet")
    counts = rows.groupby("method").size()
    assert set(counts) == {24}


def test_every_generator_has_its_grades_and_the_kitchen_its_rule(smoke: Checkout) -> None:
    tables = smoke.folder / "results/tables"
    grades = pd.read_csv(tables / "generator_grades.csv").set_index(["model", "figure"])
    graded = {"church", "face", "horse", "kitchen", "church_progressive", "kitchen_stylegan2"}
    assert set(grades.index.get_level_values("model")) == graded
    assert grades.loc[("face", "smile_percent"), ["generator", "world", "truth"]].notna().all()
    rule = pd.read_csv(tables / "causal_rule.csv")
    assert set(rule["model"]) == {"kitchen"}
    assert set(rule["intervention"]) == {"natural", "splice", "units", "units_by_iou"}
    instruments = pd.read_csv(tables / "instrument_grades.csv")
    assert len(set(instruments["instrument"])) == 5


def test_every_figure_is_a_picture_with_a_caption(smoke: Checkout) -> None:
    figures = sorted((smoke.folder / "results/figures").glob("*.png"))
    assert len(figures) == 31
    for file in figures:
        assert min(Image.open(file).size) > 50
        assert "smoke" in file.with_suffix(".txt").read_text()


def test_the_report_stands_alone(smoke: Checkout) -> None:
    page = (smoke.folder / "results/report.html").read_text()
    for name in (
        "table1_smile.csv",
        "table2_domes.csv",
        "counterfactuals.csv",
        "tradeoff.csv",
        "edits.csv",
        "units.csv",
        "generator_grades.csv",
        "table3_watermarks.csv",
        "causal_rule.csv",
        "reflection.csv",
        "instrument_grades.csv",
        "critic_grades.csv",
    ):
        assert name in page
    assert page.count("data:image/png;base64,") >= 26
    assert "http://" not in page.replace("http://www.w3.org", "")
