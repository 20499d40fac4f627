"""Pictures with units switched at a place: only they change, and only there."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from palimpsest.editor.desk import Desk
from palimpsest.editor.switching import on_levels, with_units
from palimpsest.editor.work import UnitPlace
from palimpsest.errors import PalimpsestError
from palimpsest.memory import KeyStatistics, unit_order
from palimpsest.sessions import Selection
from tests.editor.conftest import DOMES, change, select, spot

SAMPLE = DOMES[0]


def fitting(desk: Desk, mask: str, count: int = 8, sample: int = SAMPLE) -> list[int]:
    layer = desk.engine.model("church").g.layer(6)
    place = Selection(sample=sample, mask=mask)
    keys = desk.engine.model("church").keys(6, sample).k
    stats = desk.engine.statistics("church", 6).of(150)
    area = place.area((layer.key_size,) * 2)
    return unit_order(keys, area[None], stats)[:count].tolist()


def paint_dome(desk: Desk, domes, sample: int = SAMPLE) -> None:
    desk.change(select("units", sample, domes[sample]))


def drawn(desk: Desk, sample: int) -> np.ndarray:
    png = desk.engine.picture(desk.engine.recipe(desk.history.present), sample)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), float)


def labels(desk: Desk, segmenter, sample: int = SAMPLE) -> torch.Tensor:
    recipe = desk.engine.recipe(desk.history.present)
    return segmenter.labels(desk.engine.image(recipe, sample))[0]


def test_off_takes_the_thing_away_from_this_picture_at_this_place(desk, domes, church) -> None:
    _, segmenter, _ = church
    dome = segmenter.numbers("dome")[0]
    # a dome that 20 as well as 32 units make: 13 to 19 % of it is left
    sample = DOMES[3]
    before, was = drawn(desk, sample), labels(desk, segmenter, sample)
    paint_dome(desk, domes, sample)
    assert np.array_equal(drawn(desk, sample), before), "a place alone changes nothing"
    units = fitting(desk, domes[sample], 24, sample)
    desk.change(change("switch", sample=sample, units=units, to="off"))
    now = labels(desk, segmenter, sample)
    assert (was == dome).sum() > 300 and (now == dome).sum() < 0.3 * (was == dome).sum()
    moved = np.abs(drawn(desk, sample) - before).mean(axis=2)
    area = Selection(sample=sample, mask=domes[sample]).area((128, 128)).numpy() > 0
    assert moved[area].mean() > 10 > 10 * moved[64:].mean(), "the lower half is far from the dome"


def test_the_other_pictures_stay_and_are_not_drawn_again(desk, domes, monkeypatch) -> None:
    first = desk.engine.recipe(desk.history.present)
    other = desk.engine.picture(first, 2)
    paint_dome(desk, domes)
    desk.change(change("switch", sample=SAMPLE, units=[5], to="on"))
    changed = desk.engine.recipe(desk.history.present)
    assert changed.hash != first.hash, "in the hash, so that no browser shows an old picture"
    assert changed.of(2).hash == first.hash
    monkeypatch.setattr(desk.engine, "image", None)
    assert desk.engine.picture(changed, 2) == other


def test_undo_redo_and_another_start_bring_back_what_was_switched(
    desk, place, heard, domes
) -> None:
    first = desk.snapshot().hash
    paint_dome(desk, domes)
    desk.change(change("switch", sample=SAMPLE, units=[5, 9], to="off"))
    switched = desk.snapshot()
    assert switched.hash != first and switched.unit_places[0].off == [5, 9]
    desk.change(change("undo"))
    desk.change(change("undo"))
    assert desk.snapshot().hash == first and desk.snapshot().unit_places == []
    desk.change(change("redo"))
    desk.change(change("redo"))
    assert desk.snapshot().hash == switched.hash
    desk.close()
    again = Desk.open(place, heard)
    assert again.snapshot().hash == switched.hash
    again.close()


def test_it_is_drawn_with_rules_of_layers_below_and_above(desk, domes, example) -> None:
    desk.open_session(example)
    ruled = drawn(desk, SAMPLE)
    for layer in (5, 7):
        desk.change(change("settings", layer=layer))
        paint_dome(desk, domes)
        desk.change(change("switch", sample=SAMPLE, units=[0, 1, 2, 3], to="on"))
        desk.open_session(example)
        assert not np.array_equal(drawn(desk, SAMPLE), ruled)
        desk.change(change("settings", layer=layer))
        desk.change(select("units", SAMPLE, None))
        desk.open_session(example)
        assert np.array_equal(drawn(desk, SAMPLE), ruled), "removed, it leaves nothing"


def test_off_is_zero_and_on_a_high_level_of_the_unit_by_the_painted_share() -> None:
    from palimpsest.generators import KeyState

    torch.manual_seed(0)
    keys = torch.randn(4000, 3).abs() * torch.tensor([1.0, 5.0, -2.0])
    marks = torch.quantile(keys.double(), levels(), dim=0).T.contiguous()
    stats = KeyStatistics((keys.T @ keys).double() / 4000, 4000, marks)
    on = on_levels(stats)
    assert on[0] == pytest.approx(torch.quantile(keys[:, 0], 0.999).item(), rel=1e-5)
    assert on[1] > 10 and on[2] < -4, "a unit below zero is on at its lower end"
    state = KeyState(torch.ones(1, 3, 2, 2), layer=6, window=(0, 0, 2, 2))
    half = Selection(sample=0, mask=spot(0, 0, 64, 32))  # half of the left upper cell
    k = with_units(state, UnitPlace(layer=6, place=half, off=(0,), on=(1,)), stats).k[0]
    assert k[0].tolist() == [[0.5, 1.0], [1.0, 1.0]]
    assert k[1, 0, 0] == pytest.approx(0.5 + 0.5 * on[1].item()) and k[2].eq(1).all()
    assert state.k.eq(1).all(), "kept keys stay as they are"


def levels() -> torch.Tensor:
    from palimpsest.memory.statistics import QUANTILE_LEVELS

    return QUANTILE_LEVELS


def test_units_that_there_are_not_and_places_not_painted_are_refused(desk, domes) -> None:
    with pytest.raises(PalimpsestError, match="paint a place on sample 16 first"):
        desk.change(change("switch", sample=SAMPLE, units=[3], to="off"))
    paint_dome(desk, domes)
    before = desk.history
    with pytest.raises(PalimpsestError, match="layer 6 has 144 units"):
        desk.change(change("switch", sample=SAMPLE, units=[3, 144], to="off"))
    assert desk.history is before
