"""The search for a better edit of a draft."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from palimpsest.editor import views
from palimpsest.editor.desk import Desk
from palimpsest.errors import SessionError
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.methods.choosing import layers as choosing
from palimpsest.methods.choosing.settings import PalimpsestSettings
from palimpsest.methods.registry import METHODS, edit_with
from palimpsest.sessions import Session
from tests.editor.conftest import DOMES, WEIGHTS, select
from tests.editor.test_desk import change

SETTINGS = PalimpsestSettings(
    tuning_samples=16,
    mu_grid=(1.0, 3.0),
    statistics_samples=60,
    iterations=10,
    refining_steps=8,
    refining_samples=8,
)


@pytest.fixture
def desk(place, heard):
    place.models["church"] = replace(place.models["church"], improving=SETTINGS)
    desk = Desk.open(place, heard)
    yield desk
    desk.close()


def improve(desk, heard) -> None:
    desk.change(change("open", name="domes_become_spires"))
    desk.improve(7)
    heard.wait(lambda m: m.type == "state" and m.solver == "palimpsest")


def test_its_edit_is_the_one_that_the_pipeline_makes_to_the_byte(
    desk, heard, place, tmp_path
) -> None:
    improve(desk, heard)
    state = desk.snapshot()
    assert state.undo_label == "improve the rule" and not state.can_improve
    assert any(m.improving and m.answers == 7 for m in heard.of("state"))
    told = [(m.done, m.total) for m in heard.of("progress") if m.what == "improve"]
    assert told[0] == (0, 7), "two candidates, three solved anew, the descent, and the rest"
    assert told[-1] == (1, 1)
    desk.edit(None).save(tmp_path / "screen.safetensors")
    session = Session.load(desk.save("better", None, overwrite=False))
    assert session.solve.solver == "palimpsest"
    stats = KeyStatistics.load(place.models["church"].statistics_file(6))
    segmenter = load_segmenter(WEIGHTS / "church-segmenter.safetensors")
    g = desk.engine.model("church").g
    made = edit_with(METHODS["palimpsest"], g, session, stats, segmenter, SETTINGS)
    screen = Edit.load(tmp_path / "screen.safetensors")
    assert screen.identity == made.identity


def test_a_rule_that_erases_is_judged_by_values_as_nothing_is_painted_that_comes_instead(
    desk, heard, place, domes
) -> None:
    desk.change(change("settings", erase=8))
    for sample in DOMES[:2]:
        desk.change(select("mark", sample, domes[sample]))
    desk.improve()
    heard.wait(lambda m: m.type == "state" and m.solver == "palimpsest")
    found = desk.edit(None)
    assert '"judge": "values"' in found.metadata["choice"]
    session = Session.load(desk.save("no_domes", None, overwrite=False))
    stats = KeyStatistics.load(place.models["church"].statistics_file(6))
    g = desk.engine.model("church").g
    made = edit_with(METHODS["palimpsest"], g, session, stats, None, SETTINGS)
    assert found.identity == made.identity


def test_painting_leaves_the_search_and_undo_comes_back_to_it(desk, heard) -> None:
    improve(desk, heard)
    found = desk.snapshot().hash
    desk.change(change("settings", strength=0.5))
    assert desk.snapshot().solver == "palimpsest", "the strength is no matter of the search"
    desk.change(change("settings", rank=2))
    assert desk.snapshot().solver == "newton"
    desk.change(change("undo"))
    desk.change(change("undo"))
    assert desk.snapshot().solver == "palimpsest" and desk.snapshot().hash == found


def test_a_search_can_be_stopped(desk, heard) -> None:
    desk.change(change("open", name="domes_become_spires"))
    desk.improve()
    desk.stop()
    heard.wait(lambda m: m.type == "progress" and m.what == "improve" and m.done == m.total)
    assert desk.snapshot().solver == "newton" and not desk.snapshot().improving


def test_what_is_painted_meanwhile_ends_the_search(desk, heard) -> None:
    desk.change(change("open", name="domes_become_spires"))
    desk.improve()
    desk.change(change("settings", smoothness=4.0))
    heard.wait(lambda m: m.type == "progress" and m.what == "improve" and m.done == m.total)
    state = desk.snapshot()
    assert state.solver == "newton" and state.smoothness == 4.0 and not state.improving


def test_nothing_to_improve(desk) -> None:
    with pytest.raises(SessionError, match="not complete"):
        desk.improve()
    assert not desk.snapshot().improving


def test_a_search_is_made_once(desk, heard, monkeypatch) -> None:
    improve(desk, heard)
    desk.save("better", None, overwrite=False)
    monkeypatch.setattr(
        "palimpsest.methods.choosing.layers.choose_among_layers_with",
        lambda *arguments: pytest.fail("searched again"),
    )
    desk.change(change("clear"))
    desk.change(change("open", name="better"))
    assert desk.snapshot().solver == "palimpsest"


def test_a_session_with_settings_of_its_own_is_improved_with_them(desk, heard, place) -> None:
    """As the pipeline does, which knows them by the session's name."""
    own = SETTINGS.model_copy(update={"tuning_seed": 9, "mu_grid": (2.0,)})
    place.models["church"] = replace(
        place.models["church"], improving_alone={"domes_become_spires": own}
    )
    desk.engine.model("church").place = place.models["church"]
    improve(desk, heard)
    desk.save("domes_become_spires", None, overwrite=True)
    session = Session.load(place.models["church"].sessions / "domes_become_spires.json")
    stats = KeyStatistics.load(place.models["church"].statistics_file(6))
    segmenter = load_segmenter(WEIGHTS / "church-segmenter.safetensors")
    g = desk.engine.model("church").g
    made = edit_with(METHODS["palimpsest"], g, session, stats, segmenter, own)
    edit = desk.engine.edit(*part_of(desk))
    assert edit.identity == made.identity and session.solve.solver == "palimpsest"
    found = desk.snapshot().hash
    desk.change(change("settings", title="Other"))
    assert desk.snapshot().solver == "palimpsest" and desk.snapshot().hash == found
    desk.change(change("settings", name="mine"))
    assert desk.snapshot().solver == "newton", "the pipeline would search with other settings"
    desk.change(change("undo"))
    assert desk.snapshot().solver == "palimpsest" and desk.snapshot().hash == found
    assert Session.load(desk.save("mine", None, overwrite=False)).solve.solver == "newton"


def test_a_session_is_improved_at_the_layers_that_the_pipeline_tries(
    desk, heard, place, monkeypatch
) -> None:
    monkeypatch.setattr(choosing, "choose_with", scored_best_at(7))
    church = replace(place.models["church"], candidate_layers={"domes_become_spires": (7,)})
    place.models["church"] = desk.engine.model("church").place = church
    improve(desk, heard)
    assert church.statistics_file(7).is_file()
    edit = desk.engine.edit(*part_of(desk))
    assert edit.layer == 7 and desk.snapshot().layer == 6, "the session keeps its own"
    session = Session.load(desk.save("domes_become_spires", None, overwrite=True))
    stats = [KeyStatistics.load(church.statistics_file(layer)) for layer in (6, 7)]
    segmenter = load_segmenter(WEIGHTS / "church-segmenter.safetensors")
    g = desk.engine.model("church").g
    method = METHODS["palimpsest"]
    made = edit_with(method, g, session, stats[0], segmenter, SETTINGS, further=stats[1:])
    assert edit.identity == made.identity
    recipe, part = part_of(desk)
    opened = desk.engine.solutions.of("church", part).opened
    assert opened.layer.number == 7
    assert views.matches(desk.engine, recipe, 0).shape == opened.context_keys.shape[2:]
    assert views.heat_map(desk.engine, recipe, 0) and views.goal_picture(desk.engine, recipe, 0)
    found = desk.snapshot().hash
    desk.change(change("settings", name="mine"))
    assert desk.snapshot().solver == "newton", "the pipeline would not try layer 7"
    desk.change(change("undo"))
    assert desk.snapshot().solver == "palimpsest" and desk.snapshot().hash == found


def scored_best_at(best):
    """The search, but with scores that make the edit of layer ``best`` the best."""
    search = choosing.choose_with

    def scored(g, session, *others):
        edit = search(g, session, *others)
        choice = json.loads(edit.metadata["choice"])
        choice["chosen"]["value"] = float(session.layer == best)
        return replace(edit, metadata={**edit.metadata, "choice": json.dumps(choice)})

    return scored


def part_of(desk):
    recipe = desk.engine.recipe(desk.history.present)
    return recipe, recipe.parts[-1]
