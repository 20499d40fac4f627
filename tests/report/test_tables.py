"""Tables against numbers reckoned by hand."""

import numpy as np
import pandas as pd
import pytest

from palimpsest.errors import EditError, PalimpsestError
from palimpsest.memory import Edit
from palimpsest.report.tables import METHODS, domes_table, edits_table, read_measurements


@pytest.fixture
def table(measurements):
    measured = {"dome2tree": measurements, "dome2spire": measurements}
    return domes_table(measured, scale="smoke", resamples=400, seed=0)


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
    assert METHODS[0] == "projected_gradient" and METHODS[-1] == "palimpsest"


def test_columns_of_the_contract(table):
    names = [
        "modified_percent",
        "removed_percent",
        "converted_images_percent",
        "labels_kept_percent",
        "perceptual_masked",
        "realism_percent",
    ]
    expected = ["edit", "method", "n", "scale", "seed", "perceptual", "segmenter"]
    expected += [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    expected += ["paper_modified_percent", "paper_lpips_masked", "paper_realism_percent"]
    assert sorted(table.columns) == sorted(expected)
    assert set(table["scale"]) == {"smoke"}
    assert set(table["perceptual"]) == {"church-segmenter-encoder"}


def test_same_measurements_give_the_same_bytes(measurements, table):
    again = domes_table(
        {"dome2spire": measurements.iloc[::-1], "dome2tree": measurements},
        scale="smoke",
        resamples=400,
        seed=0,
    )
    assert again.to_csv(index=False) == table.to_csv(index=False)


def test_nothing_measured_is_empty_and_not_zero(measurements):
    blank = measurements.assign(source_pixels=0, modified_pixels=0, removed_pixels=0)
    table = domes_table({"dome2spire": blank}, scale="smoke", resamples=50)
    assert table["modified_percent"].isna().all()
    assert table["converted_images_percent"].isna().all()
    assert table["labels_kept_percent"].notna().all()


def test_mixed_instruments_are_refused(measurements):
    mixed = measurements.copy()
    mixed.iloc[0, mixed.columns.get_loc("segmenter")] = "another"
    with pytest.raises(PalimpsestError, match="column segmenter mixes"):
        domes_table({"dome2spire": mixed}, scale="smoke", resamples=50)


def test_files_that_hold_no_measurements(tmp_path, measurements):
    with pytest.raises(PalimpsestError, match="gone.parquet: no such file"):
        read_measurements(tmp_path / "gone.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(PalimpsestError, match="bad.parquet: damaged"):
        read_measurements(tmp_path / "bad.parquet")
    measurements.drop(columns="kept_pixels").to_parquet(tmp_path / "short.parquet")
    with pytest.raises(PalimpsestError, match="short.parquet: has no column kept_pixels"):
        read_measurements(tmp_path / "short.parquet")
    measurements.to_parquet(tmp_path / "good.parquet")
    pd.testing.assert_frame_equal(
        read_measurements(tmp_path / "good.parquet").reset_index(drop=True),
        measurements.reset_index(drop=True),
    )


def test_edits_table_tells_what_the_files_tell(sources):
    table = edits_table(sources.edits.values())
    assert list(table.columns) == [
        "model",
        "session",
        "layer",
        "rank",
        "method",
        "solver",
        "loss_before",
        "loss_after",
        "change_elsewhere",
        "seconds",
        "bytes",
    ]
    assert list(table["rank"]) == [1, 2, 3]
    assert set(table["solver"]) == {"newton"} and set(table["layer"]) == {6}
    assert list(table["session"]) == ["first", "second", "third"]
    for path, row in zip(sources.edits.values(), table.itertuples(), strict=True):
        told = Edit.load(path).metadata
        assert row.loss_after == float(told["loss_after"]) < row.loss_before
        assert row.change_elsewhere == float(told["relative_change"])
        assert row.bytes == path.stat().st_size


def test_edits_table_refuses_what_is_no_edit(tmp_path):
    (tmp_path / "no.safetensors").write_bytes(b"no")
    with pytest.raises(EditError, match="no.safetensors"):
        edits_table([tmp_path / "no.safetensors"])
