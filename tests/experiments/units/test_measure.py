"""Units switched in the shipped church, whose pictures and rows are measured."""

from pathlib import Path

import numpy as np
import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.units.choosing import Chosen
from palimpsest.experiments.units.measure import SWITCHES, measure_units, set_units
from palimpsest.experiments.units.settings import UnitSettings
from palimpsest.experiments.units.table import NEEDED, units_panel, units_table
from palimpsest.files.panels import Panel
from palimpsest.generators import load_generator, sample_z
from palimpsest.instruments.loading import load_segmenter

MINI = Path(__file__).parents[3] / "data/weights/mini"
SETTINGS = UnitSettings(
    switched_off={"thing": "tree", "layer": 6, "units": 24},
    switched_on={
        **{"thing": "door", "layer": 8, "units": 20, "rows": 4, "columns": 2},
        **{"fits": ("nave", "window"), "unfit": "sky", "steps": 8},
    },
    dissected=40,
    dissection_seed=1,
    samples=12,
    seed=3,
    shown=2,
)

pytestmark = pytest.mark.skipif(
    not (MINI / "church-segmenter.safetensors").exists(), reason="the church's weights are not here"
)


@pytest.fixture(scope="module")
def church_and_segmenter():
    return (
        load_generator(MINI / "church.safetensors"),
        load_segmenter(MINI / "church-segmenter.safetensors"),
    )


@pytest.fixture(scope="module")
def measured(church_and_segmenter):
    return measure_units(*church_and_segmenter, SETTINGS)


@pytest.fixture(scope="module")
def table(measured):
    rows = measured.table.assign(seed=3, scale="test", segmenter="church-segmenter")
    assert set(NEEDED) <= set(rows.columns)
    return units_table(rows, Intervals(resamples=50))


def test_trees_vanish_with_their_units_and_not_with_others(table):
    rows = table.set_index(["switched", "place", "chosen_by"]).sort_index()
    before = rows.loc[("off", "everywhere", "fit"), "before_percent"]
    assert before > 1
    for place in ("everywhere", "at_thing"):
        assert rows.loc[("off", place, "fit"), "after_percent"] < before / 3
    assert rows.loc[("off", "everywhere", "chance"), "after_percent"] > before / 2
    off = rows.loc["off", "elsewhere_percent"]
    assert off["at_thing", "fit"] < off["everywhere", "fit"]


def test_doors_appear_where_they_fit_and_not_in_the_sky(table):
    rows = table.set_index(["switched", "place", "chosen_by"]).sort_index()
    fits, sky = rows.loc[("on", "fits", "cause")], rows.loc[("on", "unfit", "cause")]
    assert fits["carried_after_percent"] > fits["carried_before_percent"] + 20
    assert fits["carried_after_percent"] > sky["carried_after_percent"] + 20
    assert sky["after_percent"] == 0
    assert rows.loc["off", "carried_after_percent"].isna().all()


def test_rows_are_counts_of_pixels(measured):
    rows = measured.table
    assert len(rows.groupby(["switched", "place", "chosen_by"])) == len(SWITCHES)
    assert (rows["after_pixels"] <= rows["area_pixels"]).all()
    assert (rows["elsewhere_changed_pixels"] <= rows["elsewhere_pixels"]).all()
    on = rows[rows["switched"] == "on"]
    assert set(on["area_pixels"]) == {16 * 8}
    assert set(on["elsewhere_pixels"]) == {128 * 128 - 16 * 8}
    images = rows[rows["switched"] == "off"]
    trees = images["before_pixels"] + images["elsewhere_pixels"]
    assert set(trees) == {128 * 128} and (images["before_pixels"] > 0).all()


def test_the_panel_shows_the_first_images_and_the_table(measured, table):
    shown = Panel(measured.arrays, measured.facts | {"n": 12, "weights_sha256": "dea8"})
    arrays, facts = units_panel(table, shown)
    for switch in SWITCHES:
        assert arrays["_".join(switch)].shape == (2, 128, 128, 3)
    inside = arrays["on_fits_mask"].astype(bool)
    changed = (arrays["on_fits_cause"] != arrays["on_before"]).any(-1)
    assert changed[inside].mean() > 0.9 and changed[~inside].mean() < 0.2
    assert [row["chosen_by"] for row in facts["rows"]] == [by for _, _, by in SWITCHES]
    assert facts["rows"][0]["carried_after_percent"] is None
    assert facts["seed"] == 3 and facts["n"] == 12


def test_units_are_set_in_the_cells_of_a_mask_only(church_and_segmenter):
    g, _ = church_and_segmenter
    layer, z = g.layer(6), sample_z(g, 2, 3)
    nowhere, everywhere = torch.zeros(2, 16, 16), torch.ones(2, 16, 16)
    chosen = Chosen([3, 5], torch.tensor([1.0, 2.0]))
    with torch.no_grad():
        (same,) = set_units(layer, z, chosen, nowhere, on=True)
        (on,) = set_units(layer, z, chosen, everywhere, on=True)
        (off,) = set_units(layer, z, chosen, everywhere, on=False)
        values = layer.values(layer.keys(z))
        v = values.v.clone()
        v[:, 3], v[:, 5] = 1, 2
        wanted = layer.render(values.replace(v))
    np.testing.assert_allclose(same, g(z), atol=1e-5)
    np.testing.assert_allclose(on, wanted, atol=1e-5)
    assert (on - off).abs().max() > 0.01


def test_too_few_images_for_the_figure_are_an_error(church_and_segmenter):
    few = SETTINGS.model_copy(update={"samples": 2, "shown": 3, "dissected": 24})
    with pytest.raises(ParameterError, match="of 2 samples show a tree, and the figure shows 3"):
        measure_units(*church_and_segmenter, few)
