"""`show` without a notebook: the widget, and what it gives back to Python."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from palimpsest import editor
from palimpsest.errors import EditError, ParameterError, SessionError
from palimpsest.generators import load_generator, sample_z

WEIGHTS = Path(__file__).parents[3] / "data" / "weights" / "mini" / "church.safetensors"


@pytest.fixture
def church():
    return load_generator(WEIGHTS)


@pytest.fixture
def show(church, tmp_path, monkeypatch):
    """Shows the church's editor, in folders of the test's own."""
    if importlib.util.find_spec("anywidget") is None:
        pytest.skip("anywidget is not installed")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))

    def again(**options):
        return editor.show(
            church,
            layer=6,
            name="church",
            sessions=tmp_path / "sessions",
            statistics_samples=120,
            **options,
        )

    yield again
    from palimpsest.editor.notebook.widget import _open

    for widget in list(_open.values()):
        widget.close()


def test_nothing_painted_is_no_session_no_edit_and_the_same_generator(show, church):
    shown = show()
    with pytest.raises(SessionError, match="copy something first"):
        shown.session()
    with pytest.raises(EditError, match="not complete"):
        shown.edit()
    z = sample_z(church, 1)
    assert torch.equal(shown.generator()(z), church(z))


def test_what_is_painted_comes_back_as_a_session_an_edit_and_a_generator(show, church, example):
    shown = show()
    shown._running.desk.open_session(example)
    assert shown.session().context == example.context
    edit = shown.edit()
    z = sample_z(church, 2)[1:]
    before = church(z)
    assert torch.allclose(shown.generator()(z), edit.apply(church)(z), atol=1e-5)
    assert (edit.apply(church)(z) - before).abs().max() > 0.1
    assert torch.equal(church(z), before)


def test_a_cell_that_runs_again_takes_the_work_over(show, example):
    first = show()
    first._running.desk.open_session(example)
    again = show()
    assert again.session().context == example.context
    assert first.comm is None


def test_a_height_at_which_nothing_can_be_seen_is_refused(show):
    assert show(height=900).height == 900
    with pytest.raises(ParameterError, match="height: 10 is below 320 pixels"):
        show(height=10)


def test_without_anywidget_the_extra_is_named(church, tmp_path, monkeypatch):
    from palimpsest.editor import notebook

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "palimpsest.editor.notebook.widget", raising=False)
    monkeypatch.delattr(notebook, "widget", raising=False)
    with pytest.raises(ParameterError, match=r"pip install 'palimpsest\[notebook\]'"):
        editor.show(church)


def test_a_process_that_ends_with_an_open_editor_ends_quietly(tmp_path):
    if importlib.util.find_spec("anywidget") is None:
        pytest.skip("anywidget is not installed")
    program = f"""
from palimpsest.editor import show
from palimpsest.editor.notebook.application import Request
editor = show({str(WEIGHTS)!r}, layer=6)
editor._running.request(Request("POST", "/sessions/upload?name=a.json", b"{{}}")).result()
editor._running.desk.show(1, [0, 1, 2])  # the statistics are begun after the last picture
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=dict(os.environ, XDG_DATA_HOME=str(tmp_path), PYTHONPATH=str(WEIGHTS.parents[3])),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
