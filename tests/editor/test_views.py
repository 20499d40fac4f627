"""Goals, matches, outlines, sheets and weights."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from palimpsest.editor import changes, views
from palimpsest.errors import EditError
from palimpsest.generators import load_generator, sample_z
from palimpsest.sessions.masks import decode_mask


@pytest.fixture
def recipe(engine, example):
    return engine.recipe(changes.opened(engine.new_work("church"), example, 6))


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png))).astype(int)


def test_the_goal_changes_the_picture_where_it_is_pasted(engine, recipe, example) -> None:
    place = example.exemplars[0].paste
    goal = pixels(views.goal_picture(engine, recipe, 0))
    original = pixels(engine.picture(recipe.original, place.sample))
    change = np.abs(goal - original).sum(axis=2)
    near = place.pixels > 0.5
    assert change[near].mean() > 10 * change[: len(change) // 8].mean() and change[near].mean() > 5
    assert views.goal_picture(engine, recipe, 1) is None
    assert views.goal_picture(engine, recipe.original, 0) is None


def test_matches_are_strongest_where_the_context_is(engine, recipe, example) -> None:
    for place in example.context:
        heat = pixels(views.heat_map(engine, recipe, place.sample))
        assert heat.shape == (16, 16, 4)
        inside = place.area((16, 16)).numpy() > 0.5
        assert heat[inside, 3].mean() > 3 * heat[~inside, 3].mean()
    assert views.heat_map(engine, recipe.original, 0) is None


def test_the_search_sorts_samples_by_their_best_match(engine, recipe, example) -> None:
    found = views.match_order(engine, recipe, range(20))
    assert sorted(sample for sample, _ in found) == list(range(20))
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    best, worst = found[0][0], found[-1][0]
    labels = {sample: labels_of(engine, recipe, sample) for sample in (best, worst)}
    assert "dome" in labels[best] and "dome" not in labels[worst]


def labels_of(engine, recipe, sample: int) -> set[str]:
    segmenter = engine.model("church").segmenter
    numbers = segmenter.labels(engine.image(recipe.original, sample))
    counts = np.bincount(numbers.flatten().numpy(), minlength=len(segmenter.classes))
    return {name for name, cells in zip(segmenter.classes, counts, strict=True) if cells > 40}


def test_a_click_gives_the_outline_of_the_thing_under_it(engine, recipe, example) -> None:
    place = example.exemplars[0].paste
    rows, columns = np.nonzero(place.pixels > 0.5)
    y, x = rows.mean() / 128, columns.mean() / 128
    label, url = views.outline(engine, recipe, place.sample, x, y)
    mask = decode_mask(url)
    assert label == "dome" and mask.shape == (512, 512)
    small = mask[::4, ::4] > 0.5
    assert small[int(y * 128), int(x * 128)] and 20 < small.sum() < 2000
    sky, _ = views.outline(engine, recipe, place.sample, 0.01, 0.01)
    assert sky == "sky"


def test_no_segmenter_no_outline(engine) -> None:
    object.__setattr__(engine.model("church").place, "segmenter", None)
    assert views.outline(engine, engine.recipe(engine.new_work("church")), 0, 0.5, 0.5) is None


def test_a_sheet_shows_before_and_after(engine, recipe) -> None:
    sheet = pixels(views.sheet(engine, recipe, [8, 2]))
    assert sheet.shape == (256, 256, 3)
    assert np.array_equal(sheet[:128, :128], pixels(engine.picture(recipe.original, 8)))
    assert np.array_equal(sheet[128:, 128:], pixels(engine.picture(recipe, 2)))


def test_the_weights_draw_what_the_screen_shows(engine, recipe, tmp_path) -> None:
    path = tmp_path / "edited.safetensors"
    path.write_bytes(views.weights(engine, recipe))
    g = load_generator(path)
    assert g.provenance["edits"] == [recipe.parts[0].session.name]
    drawn = g(sample_z(g, 4))[3:]
    assert (drawn - engine.image(recipe, 3)).abs().max() < 1e-4
    with pytest.raises(EditError, match="no rule yet"):
        views.weights(engine, recipe.original)
