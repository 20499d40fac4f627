"""The command `palimpsest editor`: what it says, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
import uvicorn

from palimpsest import cli
from palimpsest.editor.drafts import Drafts
from palimpsest.editor.server import listen
from palimpsest.files.session_files import RULE

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "data" / "weights" / "mini" / "church.safetensors"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(["editor", *(str(argument) for argument in arguments)])
    return int(ended.value.code or 0)


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip()


def test_a_busy_port_is_said_in_one_line(capsys) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert run("--port", port) == 2
    assert told(capsys).startswith(f"error: --port: {port} is in use")


def test_a_model_that_is_not_there_is_said_in_one_line(capsys, tmp_path) -> None:
    assert run("--model", "atlantis") == 2
    assert told(capsys).startswith("error: --model: 'atlantis' is none of church")
    assert run("--weights", tmp_path / "none.pt") == 2
    assert "no such file" in told(capsys)


def test_damaged_weights_end_the_command(capsys, tmp_path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"not weights")
    options = ("--weights", tmp_path / "bad.safetensors", "--drafts", tmp_path, "--port", 0)
    assert run(*options) == 2
    lines = told(capsys).splitlines()
    assert len(lines) == 2 and lines[1].startswith("error: ") and "bad.safetensors" in lines[1]


def test_session_files_with_other_names_are_told_in_one_line(capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)
    monkeypatch.chdir(tmp_path)
    sessions = Path("data/sessions/church")
    sessions.mkdir(parents=True)
    for name in ("dome2tree", "dome2tree (1)", "küche"):
        (sessions / f"{name}.json").write_text("{}")
    assert run("--weights", WEIGHTS, "--port", 0) == 0
    line, address = told(capsys).splitlines()
    assert RULE in line and "dome2tree (1).json" in line and "küche.json" in line
    assert "dome2tree.json" not in line and address.startswith("The editor is at")


def test_one_editor_at_a_time_on_the_same_drafts(capsys, tmp_path) -> None:
    drafts = Drafts.open(tmp_path)
    assert run("--weights", WEIGHTS, "--drafts", tmp_path, "--port", 0) == 2
    assert "another editor is open" in told(capsys)
    drafts.close()


@pytest.mark.parametrize(
    ("options", "token"), [(["--host", "0.0.0.0"], True), ([], False), (["--token", "abc"], True)]
)
def test_a_token_is_needed_unless_only_this_machine_listens(
    capsys, monkeypatch, tmp_path, options, token
) -> None:
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)
    assert run("--weights", WEIGHTS, "--drafts", tmp_path, "--port", 0, *options) == 0
    address = told(capsys)
    assert ("?token=" in address) is token and address.startswith(
        "The editor is at http://localhost"
    )
