"""A class-conditional generator in the editor: one class for all samples, or one drawn for each."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from palimpsest.editor import applying, changes
from palimpsest.editor.drafts import Drafts
from palimpsest.editor.engine import Engine
from palimpsest.errors import ParameterError, SessionError
from palimpsest.generators import load_generator, sample_z, save_generator
from palimpsest.generators.pictures import as_picture
from palimpsest.pipeline.editor_places import editor_place
from tests.generators.test_stylegan2_variants import small
from tests.sessions.test_classes import drawn


def opened(folder, of_class=None, **variant):
    """An engine on a generator's file, and the name of its model."""
    save_generator(small(**variant), folder / "g.safetensors")
    place = editor_place(folder, weights=folder / "g.safetensors", of_class=of_class)
    return Engine(place, Drafts.open(place.drafts)), place.first


def picture(engine, recipe, sample):
    png = engine.picture(recipe, sample)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.mark.parametrize(("of_class", "name"), [(None, "g"), (3, "g_class3")])
def test_pictures_and_sessions_of_a_class(tmp_path, of_class, name):
    engine, model = opened(tmp_path, of_class, classes=5)
    assert model == name
    work = engine.new_work(model)
    recipe = engine.recipe(work)
    g = load_generator(tmp_path / "g.safetensors")
    wanted = as_picture(g(sample_z(g, 3, classes=of_class)[2:]))[0]
    assert (picture(engine, recipe, 2) == wanted).all()
    session = drawn(classes=of_class)
    _, changed = applying.opened(work, session, engine)
    assert changes.session_of(changed).classes == of_class
    with pytest.raises(SessionError, match="field classes: of class 1, and the samples here are"):
        applying.opened(work, drawn(classes=1), engine)
    engine.close()


def test_pictures_of_two_classes_have_other_names(tmp_path):
    names = set()
    for of_class in (None, 2, 3):
        engine, model = opened(tmp_path, of_class, classes=5)
        names.add(engine.recipe(engine.new_work(model)).hash)
        engine.close()
    assert len(names) == 3


def test_a_class_needs_a_generator_that_has_it(tmp_path):
    engine, model = opened(tmp_path, 7, classes=5)
    with pytest.raises(ParameterError, match="class 7: this generator has classes 0 to 4"):
        engine.new_work(model)
    with pytest.raises(ParameterError, match="--class: the models of params.yaml have no classes"):
        editor_place(tmp_path, of_class=1)


def test_oblong_grey_images_are_drawn_and_measured(tmp_path):
    engine, model = opened(tmp_path, first_shape=(4, 8), image_channels=1)
    work = engine.new_work(model)
    shown = picture(engine, engine.recipe(work), 1)
    assert shown.shape == (16, 32, 3) and (shown[..., 0] == shown[..., 2]).all()
    _, changed = applying.opened(work, drawn(), engine)
    layer = engine.model(model).g.layer(4)
    assert layer.key_shape == (8, 16)
    assert (drawn().context[0].area(layer.key_shape) > 0).sum() == 3 * 6
    assert engine.max_rank(changed) == layer.weight.shape[1] == 5
    engine.close()
