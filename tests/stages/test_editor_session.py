"""From the screen to the pipeline: the stage makes the edit that the editor showed, to the byte."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from palimpsest.editor.desk import Desk
from palimpsest.editor.messages import parse
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.pipeline.checkout_files import CheckoutFiles
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.editor_places import editor_place
from palimpsest.pipeline.parameters.loading import load_parameters
from palimpsest.pipeline.plan import Plan
from palimpsest.sessions import Session
from stages import rewrite

ROOT = Path(__file__).parents[2]
SAMPLES = 150


def checkout(tmp_path: Path) -> Path:
    """Only the files that the editor and the plan read."""
    for file in ("params.yaml", "workflow/scales/mini.yaml", "data/layer_choice.csv"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "data" / "weights").symlink_to(ROOT / "data" / "weights")
    return tmp_path


def change(desk: Desk, kind: str, **values: object) -> None:
    desk.change(parse(json.dumps({"type": kind, "version": 1, **values})))


@pytest.mark.parametrize(("truncation", "erase"), [(1.0, None), (0.7, None), (1.0, 8)])
def test_a_saved_session_is_rewritten_to_the_edit_on_the_screen(
    tmp_path, monkeypatch, truncation, erase
) -> None:
    folder = checkout(tmp_path)
    place = editor_place(folder, model="church")
    church = replace(place.models["church"], statistics_samples=SAMPLES)
    desk = Desk.open(replace(place, models={"church": church}), lambda message, viewer: None)
    try:
        change(desk, "open", name="domes_become_spires")
        change(desk, "settings", smoothness=0.4, rank=2, truncation=truncation)
        change(desk, "settings", erase=erase)  # what was pasted over goes instead
        collected = desk.engine.statistics("church", 6, truncation)
        collected.begin()
        collected.wait(threading.Event())
        desk.engine.report(desk.history.present)
        desk.save("my_spires", "Mine", overwrite=False)
        desk.edit(None).save(tmp_path / "screen.safetensors")
    finally:
        desk.close()

    monkeypatch.chdir(folder)
    parameters = load_parameters("params.yaml", "workflow/scales")
    plan = Plan(parameters, CheckoutFiles.read(".", parameters.models))
    session = plan.session_file("church", "my_spires")
    assert session == "data/sessions/church/my_spires.json"
    assert Session.load(session).title == "Mine"
    statistics = plan.session_statistics_file("church", "my_spires")
    about = KeyStatistics.load(statistics).metadata
    assert (about["n"], about["truncation"]) == (str(SAMPLES), format(truncation, "g"))
    words = [
        *("--weights", plan.weights("church"), "--statistics", statistics, "--session", session),
        *("--method", plan.own_method("church", "my_spires"), "--out", "pipeline.safetensors"),
        *("--settings", json.dumps(plan.method_settings("church", "my_spires"))),
    ]
    with pytest.raises(SystemExit) as left:
        run(rewrite.main, words)
    assert not left.value.code
    screen, made = Edit.load("screen.safetensors"), Edit.load("pipeline.safetensors")
    for name in ("directions", "coefficients"):
        assert getattr(screen, name).numpy().tobytes() == getattr(made, name).numpy().tobytes()
    assert len(made.metadata.get("silent", "").split(",")) == (erase or 1)
    assert made.rank == 2 and made.metadata["session"] == screen.metadata["session"]
