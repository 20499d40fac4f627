"""The editor's engine on a StyleGAN3, whose maps reach beyond the picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from palimpsest.editor import changes, views
from palimpsest.editor.drafts import Drafts
from palimpsest.editor.engine import Engine
from palimpsest.editor.history import History
from palimpsest.editor.snapshots import snapshot
from palimpsest.editor.unit_views import activation_map, fitting_units
from palimpsest.editor.work import UnitPlace
from palimpsest.editor.workplace import ModelPlace, Workplace
from palimpsest.sessions.masks import encode_mask
from palimpsest.sessions.schema import Exemplar, Selection, Session
from tests.doubles.alias_free import golden_stylegan3

LAYER = 3


def square(top, left, bottom, right):
    mask = np.zeros((32, 32), np.float32)
    mask[top:bottom, left:right] = 1
    return encode_mask(mask)


PLACE = square(16, 12, 26, 20)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    torch.save(golden_stylegan3("t").state, folder / "network.pt")
    files = ModelPlace(
        weights=folder / "network.pt",
        sessions=folder / "sessions",
        statistics_folder=folder / "statistics",
        layer=LAYER,
        statistics_samples=30,
    )
    files.statistics_folder.mkdir()
    place = Workplace({"mine": files}, "mine", folder / "drafts", examples=folder)
    drafts = Drafts.open(place.drafts)
    engine = Engine(place, drafts)
    yield engine
    engine.close()
    drafts.close()


@pytest.fixture(scope="module")
def work(engine):
    session = Session(
        model="mine",
        name="patch",
        layer=LAYER,
        seed=1,
        exemplars=(
            Exemplar(
                object=Selection(sample=2, mask=square(4, 8, 14, 16)),
                paste=Selection(sample=5, mask=PLACE),
            ),
        ),
        context=(Selection(sample=5, mask=PLACE),),
    )
    work = changes.opened(engine.new_work("mine"), session, LAYER)
    engine.begin_statistics(work)
    return work


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png))).astype(int)


def test_a_rule_changes_the_picture(engine, work):
    recipe = engine.recipe(work)
    found = engine.last_solved(recipe)
    assert found is not None, engine.solved(recipe, recipe.parts[-1])
    assert float(found.edit.metadata["loss_after"]) < float(found.edit.metadata["loss_before"])
    before, after = (pixels(engine.picture(one, 5)) for one in (recipe.original, recipe))
    assert before.shape == (32, 32, 3) and np.abs(after - before).max() > 3


def test_the_heat_map_lies_on_the_picture(engine, work):
    recipe = engine.recipe(work)
    heat = pixels(views.heat_map(engine, recipe, 5))
    assert heat.shape == (16, 16, 4)
    assert heat[8:13, 6:10, 3].max() == 255


def test_the_goal_changes_the_picture_at_the_place(engine, work):
    recipe = engine.recipe(work)
    change = np.abs(
        pixels(views.goal_picture(engine, recipe, 0)) - pixels(engine.picture(recipe.original, 5))
    ).sum(axis=2)
    near = Selection(sample=5, mask=PLACE).pixels > 0.5
    assert change[near].mean() > 2 * change[~near].mean()


def test_units_are_found_and_shown_in_the_picture(engine, work):
    place = UnitPlace(layer=LAYER, place=Selection(sample=5, mask=PLACE))
    assert len(fitting_units(engine, work, place, 4).units) == 4
    recipe = engine.recipe(work)
    assert pixels(activation_map(engine, recipe, LAYER, 5, 0)).shape == (16, 16, 4)


def test_the_page_is_told_the_cells_of_the_picture(engine, work):
    seen = snapshot(engine, History.of(work), 1, None)
    assert [(one.number, one.keys, one.values) for one in seen.layers] == [
        (number, cells, (cells, cells))
        for number, cells in enumerate((16, 16, 16, 32, 32, 32), start=1)
    ]
    assert seen.max_rank == 16 and seen.model.truncates and not seen.model.photographs
