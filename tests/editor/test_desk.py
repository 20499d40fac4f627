"""The desk: changes are kept on the disk, computed in the background, and can be undone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from palimpsest.editor import messages
from palimpsest.editor.desk import Desk
from palimpsest.editor.saved_sessions import NameTaken
from palimpsest.errors import EditError, PalimpsestError, SessionError
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.methods.newton import NewtonSettings
from palimpsest.methods.registry import METHODS, edit_with
from palimpsest.sessions import Session
from tests.editor.conftest import ROOT, WEIGHTS, select, spot


def change(kind: str, **values) -> messages.Change:
    return messages.parse(json.dumps({"type": kind, "version": 1, **values}))


def paint_example(desk: Desk, example: Session) -> None:
    one = example.exemplars[0]
    desk.change(select("object", one.object.sample, one.object.mask, id=1))
    desk.change(select("paste", one.paste.sample, one.paste.mask, id=2))
    for number, place in enumerate(example.context):
        desk.change(select("context", place.sample, place.mask, id=3 + number))


def test_from_the_first_stroke_to_changed_pictures(desk, heard, example) -> None:
    desk.show(1, [8, 2])
    first = heard.wait(lambda m: m.type == "drawn")
    paint_example(desk, example)
    state = heard.wait(lambda m: m.type == "state" and m.answers == 6)
    assert state.draft.complete and state.hash != state.original == first.hash
    report = heard.wait(lambda m: m.type == "report" and m.hash == state.hash)
    assert report.goal_after < report.goal_before / 2
    heard.wait(lambda m: m.type == "drawn" and m.hash == state.hash)
    pictures = [m.sample for m in heard.of("picture") if m.hash == state.hash]
    assert pictures == [8, 2], "the most wanted first"
    assert desk.engine.finished(desk.engine.known(state.hash), 8) is not None


def test_undo_through_everything_gives_the_first_state_back(desk, heard, example) -> None:
    first = desk.snapshot()
    paint_example(desk, example)
    desk.change(change("settings", rank=2))
    desk.change(change("settings", layer=5))
    desk.change(change("keep"))
    desk.change(change("rule", rule="r1", strength=0.5))
    desk.change(change("rule", rule="r1", on=False))
    desk.change(change("remove_rule", rule="r1"))
    desk.change(change("new"))
    last = desk.snapshot()
    steps = 0
    while desk.snapshot().can_undo:
        desk.change(change("undo"))
        steps += 1
    found = desk.snapshot()
    assert found.model_copy(update={"revision": 0, "can_redo": False, "redo_label": None}) == first
    for _ in range(steps):
        desk.change(change("redo"))
    again = desk.snapshot()
    assert again.model_copy(update={"revision": 0}) == last.model_copy(update={"revision": 0})
    assert steps == 13


def test_what_is_refused_changes_nothing(desk) -> None:
    before = desk.history
    for wrong in (
        select("object", 3, None, exemplar=9),
        change("settings", layer=99),
        change("keep"),
        change("remove_rule", rule="r5"),
        change("model", name="atlantis"),
        change("open", name="nothing"),
        change("nudge", rows=1, columns=0),
    ):
        with pytest.raises(PalimpsestError):
            desk.change(wrong)
    assert desk.history is before


def test_an_empty_mask_removes_a_selection(desk) -> None:
    desk.change(select("object", 3, spot(4, 4, 60, 60)))
    assert desk.snapshot().draft.exemplars[0].object.sample == 3
    desk.change(select("object", 3, spot(0, 0, 0, 0)))
    assert desk.snapshot().draft.exemplars[0].object is None


def test_masks_can_be_fetched_by_the_address_in_the_state(desk) -> None:
    desk.change(select("object", 3, spot(4, 4, 60, 60)))
    address = desk.snapshot().draft.exemplars[0].object.mask
    content = desk.mask(address.removeprefix("/masks/").removesuffix(".png"))
    assert content.startswith(b"\x89PNG")
    assert desk.mask("0" * 20) is None


def test_the_saved_session_gives_the_edit_on_the_screen_to_the_byte(
    desk, place, example, tmp_path
) -> None:
    """What the pipeline does with the file: `stages.rewrite` with the statistics of the layer."""
    paint_example(desk, example)
    desk.change(change("settings", smoothness=2.0, rank=2))
    desk.edit(None).save(tmp_path / "screen.safetensors")
    path = desk.save("spires", "Domes become spires", overwrite=False)
    session = Session.load(path)
    assert session.solve.mu == 2.0 and session.rank == 2
    stats = KeyStatistics.load(place.models["church"].statistics_file(6))
    settings = NewtonSettings(mu=session.solve.mu, exemplars=session.solve.exemplars, iterations=40)
    g = desk.engine.model("church").g
    made = edit_with(METHODS["newton"], g, session, stats, None, settings)
    screen = Edit.load(tmp_path / "screen.safetensors")
    for name in ("directions", "coefficients"):
        assert getattr(screen, name).numpy().tobytes() == getattr(made, name).numpy().tobytes()


def test_saving_asks_before_it_overwrites(desk, example) -> None:
    with pytest.raises(SessionError, match="copy something first"):
        desk.save("spires", None, overwrite=False)
    paint_example(desk, example)
    path = desk.save("spires", "first", overwrite=False)
    with pytest.raises(NameTaken, match="overwrite it"):
        desk.save("spires", "second", overwrite=False)
    assert Session.load(path).title == "first"
    desk.save("spires", "second", overwrite=True)
    assert Session.load(path).title == "second"
    assert desk.snapshot().draft.name == "spires"


def test_the_example_opens_and_so_does_what_was_saved(desk, example) -> None:
    desk.change(change("open", name="domes_become_spires"))
    assert desk.session() == example
    desk.save("mine", None, overwrite=False)
    desk.change(change("clear"))
    desk.change(change("open", name="mine"))
    assert desk.session().exemplars == example.exemplars


def test_sessions_that_do_not_fit_are_refused_in_one_sentence(desk, example) -> None:
    for other, says in (
        ({"model": "horse"}, "horse"),
        ({"seed": 5}, "seed 5"),
        ({"layer": 77}, "no layer 77"),
    ):
        with pytest.raises(SessionError, match=says):
            desk.open_session(example.model_copy(update=other))
    assert desk.snapshot().draft.complete is False


def test_an_edit_file_becomes_a_rule_and_one_of_other_weights_does_not(
    desk, example, tmp_path, generator
) -> None:
    paint_example(desk, example)
    file = tmp_path / "edit.safetensors"
    desk.edit(None).save(file)
    wanted = desk.engine.image(desk.engine.recipe(desk.history.present), 8)
    desk.change(change("new"))
    desk.add_edit(file.read_bytes(), "spires")
    assert [rule.kind for rule in desk.snapshot().rules] == ["file"]
    found = desk.engine.image(desk.engine.recipe(desk.history.present), 8)
    assert bool((found == wanted).all())
    other = Edit.load(file)
    other.metadata["weights_sha256"] = "0" * 64
    other.save(tmp_path / "other.safetensors")
    with pytest.raises(EditError, match="made for weights"):
        desk.add_edit((tmp_path / "other.safetensors").read_bytes(), "other")
    with pytest.raises(EditError, match="this file"):
        desk.add_edit(b"\x80\x04cos\nsystem\n", "bad")
    assert len(desk.snapshot().rules) == 1


def test_reopened_it_is_as_it_was(place, heard, example) -> None:
    desk = Desk.open(place, heard)
    paint_example(desk, example)
    desk.change(change("keep"))
    before = desk.history
    desk.close()
    again = Desk.open(place, heard)
    assert again.history == before
    again.change(change("undo"))
    assert again.snapshot().draft.complete
    again.close()


def test_a_damaged_draft_is_said_and_kept_aside(place, heard) -> None:
    place.drafts.mkdir()
    (place.drafts / "work.json").write_text("{")
    desk = Desk.open(place, heard)
    assert "cannot be read" in heard.of("error")[0].message
    desk.close()


def test_a_draft_of_a_model_that_is_not_here_is_kept_aside(place, heard) -> None:
    desk = Desk.open(place, heard)
    desk.change(select("object", 3, spot(4, 4, 60, 60)))
    written = desk.drafts.file.read_text()
    desk.close()
    other = replace(place, models={"other": place.models["church"]}, first="other")
    desk = Desk.open(other, heard)
    assert "of the model church" in heard.of("error")[0].message
    assert desk.snapshot().model.name == "other" and not desk.snapshot().can_undo
    asides = list(place.drafts.glob("work.*.json"))
    assert [aside.read_text() for aside in asides] == [written]
    desk.close()


def test_two_viewers_see_the_same_work(desk, heard) -> None:
    desk.show(1, [3, 4])
    desk.show(2, [4, 5])
    desk.greet(2)
    first = heard.of("state")[-1].hash
    heard.wait(lambda m: m.type == "drawn" and m.pictures == 3)
    assert {m.sample for m in heard.of("picture") if m.hash == first} == {3, 4, 5}
    desk.leave(1)


def test_a_rule_that_cannot_be_solved_is_said(desk, heard, example) -> None:
    desk.open_session(example)
    desk.change(change("settings", rank=60))
    desk.change(change("keep"))
    told = heard.wait(lambda m: m.type == "report" and m.missing and m.problem)
    assert "a rule of the stack does nothing" in told.problem


KILLED = """
import os, signal, sys
from pathlib import Path
from palimpsest.editor.desk import Desk
from palimpsest.editor.messages import parse
from palimpsest.editor.workplace import ModelPlace, Workplace

weights, folder = Path(sys.argv[1]), Path(sys.argv[2])
files = ModelPlace(weights, folder / "s", folder / "t", layer=6)
place = Workplace({"church": files}, "church", folder / "drafts")
desk = Desk.open(place, lambda message, viewer: None)
desk.change(parse(sys.stdin.read()))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_kill_9_loses_nothing_that_was_painted(tmp_path, place, heard) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, WEIGHTS / "church.safetensors", tmp_path],
        input=select("object", 3, spot(4, 4, 60, 60)).model_dump_json(),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    desk = Desk.open(place, heard)
    assert desk.snapshot().draft.exemplars[0].object.sample == 3
    desk.close()
