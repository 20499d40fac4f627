"""Rules that erase what is painted: kept, undone and saved like other rules."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from palimpsest.editor import changes
from palimpsest.editor.desk import Desk
from palimpsest.editor.views import goal_picture
from palimpsest.editor.work import Draft, Work
from palimpsest.errors import SessionError
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.methods.newton import NewtonSettings
from palimpsest.methods.registry import METHODS, edit_with
from palimpsest.sessions import Session
from tests.editor.conftest import DOMES, change, select


def mark_domes(desk: Desk, domes: dict[int, str], count: int = 4) -> None:
    desk.change(change("settings", erase=8))
    for sample in DOMES[:count]:
        desk.change(select("mark", sample, domes[sample]))


def test_marks_on_a_few_pictures_erase_the_thing_from_all(desk, domes, church) -> None:
    g, segmenter, z = church
    mark_domes(desk, domes)
    recipe = desk.engine.recipe(desk.history.present)
    edit = desk.engine.edit(recipe, recipe.parts[-1])
    held_out = z[200:232]
    with torch.no_grad():
        before, after = (segmenter.labels(one(held_out)) for one in (g, edit.apply(g)))
    dome = segmenter.numbers("dome")[0]
    was = before == dome
    assert was.sum() > 1000
    assert (after == dome).sum() < 0.4 * was.sum(), "0.1 was measured"
    assert (after == before)[~was].float().mean() > 0.97


def test_it_is_solved_at_once_and_says_what_it_reaches(desk, heard, domes) -> None:
    desk.change(change("settings", erase=8))
    empty = heard.wait(lambda m: m.type == "report" and m.missing == "mark")
    assert empty.goal_after is None
    desk.show(1, [2, 8])
    desk.change(select("mark", 2, domes[2], id=7))
    state = heard.wait(lambda m: m.type == "state" and m.answers == 7)
    assert state.draft.complete and state.draft.erase == 8 and state.hash != state.original
    report = heard.wait(lambda m: m.type == "report" and m.hash == state.hash)
    assert report.problem is None and report.goal_after < report.goal_before
    heard.wait(lambda m: m.type == "drawn" and m.hash == state.hash)


def test_the_saved_session_gives_the_edit_on_the_screen_to_the_byte(
    desk, place, domes, tmp_path
) -> None:
    """What the pipeline does with the file: `stages.rewrite` with the statistics of the layer."""
    mark_domes(desk, domes, 2)
    desk.change(change("settings", smoothness=2.0))
    desk.edit(None).save(tmp_path / "screen.safetensors")
    session = Session.load(desk.save("no_domes", "Domes go", overwrite=False))
    assert session.erase == 8 and session.solve.exemplars == 2
    stats = KeyStatistics.load(place.models["church"].statistics_file(6))
    settings = NewtonSettings(mu=session.solve.mu, exemplars=session.solve.exemplars, iterations=40)
    g = desk.engine.model("church").g
    made = edit_with(METHODS["newton"], g, session, stats, None, settings)
    screen = Edit.load(tmp_path / "screen.safetensors")
    for name in ("directions", "coefficients"):
        assert getattr(screen, name).numpy().tobytes() == getattr(made, name).numpy().tobytes()
    assert screen.metadata["silent"] == made.metadata["silent"]
    assert len(set(made.metadata["silent"].split(","))) == 8


def test_it_opens_again_as_it_was_saved(desk, domes) -> None:
    mark_domes(desk, domes, 2)
    drawn = desk.snapshot().hash
    desk.save("no_domes", None, overwrite=False)
    before = desk.history.present.draft
    desk.change(change("clear"))
    desk.change(change("open", name="no_domes"))
    assert desk.history.present.draft == before and desk.snapshot().hash == drawn


def test_keep_strength_and_undo_are_those_of_other_rules(desk, domes) -> None:
    first = desk.snapshot()
    mark_domes(desk, domes, 1)
    drawn = desk.snapshot().hash
    desk.change(change("settings", erase=12))
    assert desk.snapshot().hash != drawn
    desk.change(change("undo"))
    assert desk.snapshot().hash == drawn
    desk.change(change("keep"))
    kept = desk.snapshot()
    assert kept.hash == drawn and kept.draft.erase is None
    desk.change(change("rule", rule="r1", strength=0.5))
    assert desk.snapshot().hash != drawn
    desk.change(change("draft_of", rule="r1"))
    assert desk.snapshot().draft.erase == 8
    while desk.snapshot().can_undo:
        desk.change(change("undo"))
    assert desk.snapshot().hash == first.hash and desk.snapshot().draft == first.draft


def test_the_choice_between_copying_and_erasing_loses_nothing_painted(example) -> None:
    draft = Draft(layer=6)
    work = changes.opened(Work(model="church", draft=draft), example, 6)
    erasing = changes.with_settings(work, erase=8)
    session = erasing.draft.session("church")
    assert session.erase == 8 and session.exemplars[0].object == example.exemplars[0].paste
    assert changes.with_settings(erasing, erase=None) == work


def test_one_mark_for_each_sample_and_an_empty_mask_removes_it(desk, domes) -> None:
    mark_domes(desk, domes, 2)
    desk.change(select("mark", 16, domes[2]))
    assert [one.paste.sample for one in desk.history.present.draft.exemplars] == [16, 31]
    assert desk.history.present.draft.exemplars[0].paste.mask == domes[2]
    for sample in (16, 31):
        desk.change(select("mark", sample, None))
    assert desk.history.present.draft.empty and desk.snapshot().draft.erase == 8
    with pytest.raises(SessionError, match="paint what it erases"):
        desk.change(change("keep"))


def test_more_units_than_the_layer_has_are_refused_in_one_sentence(desk, heard, domes) -> None:
    desk.change(change("settings", erase=500))
    desk.change(select("mark", 2, domes[2]))
    report = heard.wait(lambda m: m.type == "report" and m.problem)
    assert "layer 6 has 144 units" in report.problem


def test_the_goal_is_the_place_with_the_units_silent_and_the_rest_as_it_was(desk, domes) -> None:
    import io

    from PIL import Image

    mark_domes(desk, domes, 1)
    recipe = desk.engine.recipe(desk.history.present)
    goal = np.asarray(Image.open(io.BytesIO(goal_picture(desk.engine, recipe, 0))), float)
    original = desk.engine.picture(recipe.original, DOMES[0])
    changed = np.abs(goal - np.asarray(Image.open(io.BytesIO(original)), float)).mean(axis=2)
    area = desk.history.present.draft.exemplars[0].paste.area((128, 128)).numpy() > 0
    assert changed[area].mean() > 10
    assert changed[~area].mean() < changed[area].mean() / 10
