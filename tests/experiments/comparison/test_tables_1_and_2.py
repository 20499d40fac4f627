"""Tables against numbers reckoned by hand."""

import json

import numpy as np
import pandas as pd
import pytest

from palimpsest.errors import PalimpsestError
from palimpsest.estimates.error_rates import Errors
from palimpsest.estimates.intervals import Estimate, Intervals
from palimpsest.experiments.comparison.tables_1_and_2 import (
    DOMES,
    SMILE,
    Measured,
    domes_table,
    smile_table,
)
from palimpsest.files.measurements import write_measurements
from palimpsest.instruments.distances.frechet_reference import FrechetReference
from palimpsest.methods.registry import METHODS

FEW = Intervals(resamples=400)


@pytest.fixture
def table(measurements):
    names = [("church", "dome2tree"), ("church", "dome2spire")]
    measured = {name: Measured(measurements) for name in names}
    return domes_table(measured, FEW)


def row_of(table, edit, method):
    return table[(table["edit"] == edit) & (table["method"] == method)].iloc[0]


def test_estimates_by_hand(table):
    row = row_of(table, "dome2spire", "newton")
    assert row["modified_percent"] == pytest.approx(100 * (60 + 90) / (124 + 224 + 24))
    assert row["removed_percent"] == pytest.approx(100 * (90 + 150) / 372)
    assert row["converted_images_percent"] == pytest.approx(100 / 3)  # the fourth shows no dome
    assert row["labels_kept_percent"] == pytest.approx(100 * 3694 / 3724)
    assert row["perceptual_masked"] == pytest.approx(0.1)
    assert np.isnan(row["realism_percent"])
    assert row["n"] == 4


def test_wilson_interval_by_hand(table):
    # 1 of 3 at z = 1.959964: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    z, p, n = 1.959963984540054, 1 / 3, 3
    middle, spread = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    row = row_of(table, "dome2spire", "newton")
    assert row["converted_images_percent_low"] == pytest.approx(
        100 * (middle - spread) / (1 + z * z / n)
    )
    assert row["converted_images_percent_high"] == pytest.approx(
        100 * (middle + spread) / (1 + z * z / n)
    )


def test_intervals_hold_their_estimates(table):
    for name in ("modified_percent", "removed_percent", "labels_kept_percent", "perceptual_masked"):
        assert (table[f"{name}_low"] <= table[name] + 1e-9).all()
        assert (table[name] <= table[f"{name}_high"] + 1e-9).all()
    row = row_of(table, "dome2spire", "newton")
    assert row["modified_percent_low"] < row["modified_percent_high"]


def test_rows_stand_in_the_papers_order(table):
    assert list(table["edit"]) == ["dome2spire"] * 3 + ["dome2tree"] * 3
    assert list(table["method"]) == ["unmodified", "newton", "palimpsest"] * 2
    assert list(METHODS)[0] == "projected_gradient" and list(METHODS)[-1] == "palimpsest"


def test_edits_of_one_name_have_rows_for_each_model(measurements):
    """One model's edit reaches all that is measured, and the other's nothing."""
    all_of_it = measurements.assign(modified_pixels=measurements["source_pixels"])
    measured = {
        ("church", "spire2tree"): Measured(all_of_it),
        ("church_progressive", "spire2tree"): Measured(measurements.assign(modified_pixels=0)),
        ("church", "sky2tree"): Measured(measurements),
    }
    table = domes_table(measured, FEW)
    assert list(zip(table["model"], table["edit"], strict=True))[::3] == [
        ("church", "sky2tree"),
        ("church", "spire2tree"),
        ("church_progressive", "spire2tree"),
    ]
    modified = table.groupby(["model", "edit"])["modified_percent"].unique()
    assert list(modified["church", "spire2tree"]) == [100]
    assert list(modified["church_progressive", "spire2tree"]) == [0]
    smiles = {edit: Measured(of.rows.assign(shows=True)) for edit, of in measured.items()}
    table = smile_table(smiles, FEW)
    assert list(zip(table["model"], table["edit"], strict=True))[::3] == list(measured)


def test_columns_of_the_contract(table):
    names = [
        "modified_percent",
        "removed_percent",
        "converted_images_percent",
        "labels_kept_percent",
        "perceptual_masked",
        "realism_percent",
    ]
    expected = ["model", "edit", "method", "n", "scale", "seed", "perceptual", "segmenter"]
    expected += [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    # what the world or people say is there where they were asked
    expected += ["paper_modified_percent", "paper_lpips_masked", "paper_realism_percent"]
    assert sorted(table.columns) == sorted(expected)
    assert set(table["scale"]) == {"smoke"}
    assert set(table["perceptual"]) == {"church-segmenter-encoder"}


def test_same_measurements_give_the_same_bytes(measurements, table):
    measured = {"dome2spire": measurements.iloc[::-1], "dome2tree": measurements}
    again = domes_table({("church", name): Measured(rows) for name, rows in measured.items()}, FEW)
    assert again.to_csv(index=False) == table.to_csv(index=False)


def test_nothing_measured_is_empty_and_not_zero(measurements):
    blank = measurements.assign(source_pixels=0, modified_pixels=0, removed_pixels=0)
    table = domes_table({("church", "dome2spire"): Measured(blank)}, FEW)
    assert table["modified_percent"].isna().all()
    assert table["converted_images_percent"].isna().all()
    assert table["labels_kept_percent"].notna().all()


def test_mixed_instruments_are_refused(measurements):
    mixed = measurements.copy()
    mixed.iloc[0, mixed.columns.get_loc("segmenter")] = "another"
    with pytest.raises(PalimpsestError, match="column segmenter mixes"):
        domes_table({("church", "dome2spire"): Measured(mixed)}, FEW)


def test_files_that_hold_no_measurements(tmp_path, measurements):
    with pytest.raises(PalimpsestError, match="gone.parquet: no such file; measure the edit"):
        Measured.read(tmp_path / "gone.parquet", DOMES)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(PalimpsestError, match="bad.parquet: damaged"):
        Measured.read(tmp_path / "bad.parquet", DOMES)
    measurements.drop(columns="kept_pixels").to_parquet(tmp_path / "short.parquet")
    with pytest.raises(PalimpsestError, match="short.parquet: has no column kept_pixels"):
        Measured.read(tmp_path / "short.parquet", DOMES)
    measurements.to_parquet(tmp_path / "good.parquet")
    pd.testing.assert_frame_equal(
        Measured.read(tmp_path / "good.parquet", DOMES).rows.reset_index(drop=True),
        measurements.reset_index(drop=True),
    )


def test_smiles_by_hand(measurements):
    rows = measurements.drop(columns=["modified_pixels", "removed_pixels", "converted"])
    rows = rows.assign(shows=rows["sample"] < np.where(rows["method"] == "newton", 3, 1))
    rows = rows.assign(classifier="face-smile")
    table = smile_table({("face", "smile"): Measured(rows)}, FEW).set_index("method")
    assert set(table["model"]) == {"face"}
    assert table["smiling_corrected_percent"].isna().all()  # the classifier has no known errors
    assert table.loc["newton", "smiling_percent"] == 75
    assert table.loc["unmodified", "smiling_percent"] == 25
    assert table.loc["newton", "perceptual_masked"] == pytest.approx(0.1)
    assert set(table["classifier"]) == {"face-smile"}
    assert table.index[-1] == "palimpsest"


def test_smiles_of_two_models_are_corrected_by_the_errors_of_each_classifier(measurements):
    """3 of 4 seen to smile, where 1 of 10 is seen wrongly and 2 of 10 are missed."""
    rows = measurements.assign(shows=measurements["sample"] < 3)
    errors = Errors(false_positives=10, negatives=100, false_negatives=20, positives=100)
    paper = {("unmodified",): {"paper_smiling_percent": 12.5}}
    exact, wrong = Measured(rows, errors=Errors(0, 50, 0, 50)), Measured(rows, errors=errors)
    measured = {("photo_faces", "photo_smile"): wrong, ("face", "smile"): exact}
    table = smile_table(measured, FEW, paper)
    assert list(table.columns[:3]) == ["model", "edit", "method"]
    assert list(table["model"]) == ["photo_faces"] * 3 + ["face"] * 3
    by_row = table.set_index(["model", "method"])
    assert (by_row["smiling_percent"] == 75).all()
    corrected = by_row["smiling_corrected_percent"]
    np.testing.assert_allclose(corrected["photo_faces"], 100 * (0.75 - 0.1) / (1 - 0.1 - 0.2))
    np.testing.assert_allclose(corrected["face"], 75)
    low, high = (by_row[f"smiling_corrected_percent_{end}"] for end in ("low", "high"))
    assert (low < corrected).all() and (corrected < high).all()
    assert (by_row.xs("unmodified", level="method")["paper_smiling_percent"] == 12.5).all()


def test_the_distance_to_photographs_is_told_where_there_are_any(measurements, tmp_path):
    """Of two models, one has photographs; its images have their mean, or are 3 away from it."""
    random = np.random.default_rng(0)
    held_out, others, made = random.normal(size=(3, 60, 4))
    FrechetReference.of(held_out, others, "parts").save(tmp_path / "reference.safetensors")
    seen = {"unmodified": made, "newton": made + [3, 0, 0, 0], "palimpsest": made}
    rows = measurements.assign(shows=True)
    reference = FrechetReference.load(tmp_path / "reference.safetensors")
    photographed = Measured(rows, seen, reference=reference)
    measured = {("face", "smile"): Measured(rows), ("photos", "smile"): photographed}
    table = smile_table(measured, FEW)
    by_row = table.set_index(["model", "method"])["frechet_photographs"]
    assert by_row["face"].isna().all()
    moved, stayed = by_row["photos"]["newton"], by_row["photos"]["unmodified"]
    shift = held_out.mean(0) - made.mean(0)
    assert moved - stayed == pytest.approx(9 - 6 * shift[0], rel=1e-6)


def test_errors_of_the_classifier_are_read_with_the_measurements(tmp_path, measurements):
    errors = Errors(1, 20, 2, 30)
    for name, facts in (
        ("graded", {"classifier_errors": json.dumps(errors.facts())}),
        ("bare", {}),
    ):
        write_measurements(measurements.assign(shows=True), tmp_path / name, facts)
    assert Measured.read(tmp_path / "graded", SMILE).errors == errors
    assert Measured.read(tmp_path / "bare", SMILE).errors is None


def test_counterfactuals_and_what_people_judged_are_in_the_table(measurements):
    concerned = measurements["sample"] < 2
    far = np.where(measurements["method"] == "newton", 0.25, 0.75)
    rows = measurements.assign(
        counterfactual_error=np.where(concerned, far, np.nan),
        generator_error=np.where(concerned, 0.125, np.nan),
    )
    random = np.random.default_rng(0)
    drawn = random.normal(size=(60, 3))
    features = {
        "unmodified": drawn + 2,
        "newton": drawn,
        "palimpsest": drawn + 1,
        "renders_of_the_new_rule": random.normal(size=(60, 3)),
    }
    judged = {"newton": Estimate(40.0, 30.0, 50.0)}
    measured = {("church", "dome2spire"): Measured(rows, features, judged)}
    table = domes_table(measured, FEW).set_index("method")
    assert table.loc["newton", "counterfactual_error"] == 0.25
    assert table.loc["palimpsest", "counterfactual_error"] == 0.75
    assert (table["generator_error"] == 0.125).all()
    apart = table["frechet_new_rule"]
    assert apart["newton"] < apart["palimpsest"] < apart["unmodified"]
    assert (table["frechet_new_rule_low"] <= apart).all()
    assert (table["frechet_new_rule_high"] > apart).all()
    assert table.loc["newton", "realism_percent_low"] == 30
    assert np.isnan(table.loc["palimpsest", "realism_percent"])


def test_a_critics_drops_are_means_over_the_images_with_a_place(measurements):
    place = measurements["sample"] < 2
    rows = measurements.assign(
        critic_drop=np.where(place, 0.25 + 0.5 * (measurements["sample"] == 1), np.nan),
        critic_drop_outside=0.0625,
    )
    table = domes_table({("church", "dome2spire"): Measured(rows)}, FEW)
    assert (table["critic_drop"] == 0.5).all()
    assert (table["critic_drop_low"] >= 0.25).all() and (table["critic_drop_high"] <= 0.75).all()
    assert (table["critic_drop_outside"] == 0.0625).all()
