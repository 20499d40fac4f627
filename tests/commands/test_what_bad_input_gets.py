"""Exit statuses of `palimpsest` by kind: one line, status 2, and nothing that was there is lost."""

from __future__ import annotations

import copy
import json
import os
import pickle
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from palimpsest import cli
from palimpsest.files.arrays import save_arrays
from palimpsest.files.session_files import RULE
from palimpsest.generators import save_generator
from palimpsest.generators.checkpoints.exporting import export_generator
from palimpsest.pipeline import shipped_models
from palimpsest.sessions.masks import encode_mask

ROOT = Path(__file__).parents[2]
OLD = b"what was there before"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, generator):
    """No checkout; a generator, and an earlier result under the name that is to be written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shipped_models, "CHECKOUT", tmp_path)
    export_generator(generator, "mine.pt")
    save_generator(generator, "mine.safetensors")
    for name in ("out.safetensors", "out.png", "out.pt"):
        Path(name).write_bytes(OLD)


def refused(capsys, message: str, *arguments: object) -> None:
    before = sorted(os.listdir())
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    lines = capsys.readouterr().err.strip().splitlines()
    assert ended.value.code == 2 and len(lines) == 1, lines
    assert lines[0].startswith("error: ") and message in lines[0]
    assert sorted(os.listdir()) == before, "no file is left, not even a partial one"
    for name in ("out.safetensors", "out.png", "out.pt"):
        assert Path(name).read_bytes() == OLD


def changed(session, *path, to) -> str:
    content = copy.deepcopy(json.loads(session.to_json()))
    here = content
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = to
    return json.dumps(content)


EMPTY = encode_mask(np.zeros((8, 8)))
SPECK = np.zeros((512, 512), np.float32)
SPECK[3, 3] = 1

FAULTS = {
    "empty mask": (("context", 0, "mask"), EMPTY, "field context[0].mask: is empty"),
    "no image": (("context", 0, "mask"), "a spot", "field context[0].mask: is not an image"),
    "speck": (("context", 0, "mask"), encode_mask(SPECK), "covers nothing on the"),
    "unknown sample": (("context", 0, "sample"), 5000, "the samples of this session are 0 to"),
    "unknown layer": (("layer",), 99, "this generator has no layer 99"),
    "rank above the context": (("rank",), 4000, "field rank: 4000 is above the"),
    "unknown field": (("colour",), "red", "field colour is unknown"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_session(session, capsys, fault) -> None:
    path, value, message = FAULTS[fault]
    Path("wrong.json").write_text(changed(session, *path, to=value))
    given = ("--weights", "mine.pt", "--out", "out.safetensors", "--samples", 20)
    refused(capsys, message, "rewrite", "wrong.json", *given)


@pytest.mark.parametrize("name", ["dome2tree (1)", "küche", ""])
def test_a_session_file_whose_name_does_not_follow_the_rule(session, capsys, name) -> None:
    """It is left out here as in a run and in the editor, and the line says why."""
    session.save(f"{name}.json")
    given = ("--weights", "mine.pt", "--out", "out.safetensors", "--samples", 20)
    refused(capsys, f"{name}.json: {RULE}; rename it", "rewrite", f"{name}.json", *given)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is not JSON"), ("[]", "holds a list"), ('{"a": 1}', "is not a session")],
)
def test_no_session(capsys, text, message) -> None:
    Path("wrong.json").write_text(text)
    given = ("--weights", "mine.pt", "--out", "out.safetensors")
    refused(capsys, message, "rewrite", "wrong.json", *given)
    refused(capsys, "wrong.json: ", "info", "wrong.json")


class RunsCode:
    def __reduce__(self):
        return Path("ran").touch, ()


def hostile() -> bytes:
    return pickle.dumps({"g_ema": RunsCode()})


def lying() -> bytes:
    """A safetensors header that claims more bytes than the file has."""
    entry = {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}
    header = json.dumps({"conv1.weight": entry}).encode()
    return struct.pack("<Q", len(header)) + header + b"\0" * 16


WEIGHTS = {
    "missing": None,
    "cut .pt": lambda: Path("mine.pt").read_bytes()[:5000],
    "cut .safetensors": lambda: Path("mine.safetensors").read_bytes()[:5000],
    "text": lambda: b"hello, these are no weights",
    "runs code": hostile,
    "lying header": lying,
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_wrong_weights(session, capsys, kind) -> None:
    if make := WEIGHTS[kind]:
        Path("wrong.bin").write_bytes(make())
    session.save("patch.json")
    given = ("--weights", "wrong.bin")
    refused(capsys, "wrong.bin", "samples", *given, "--out", "out.png")
    refused(capsys, "wrong.bin", "export", *given, "--out", "out.pt")
    refused(capsys, "wrong.bin", "rewrite", "patch.json", *given, "--out", "out.safetensors")
    refused(capsys, "wrong.bin", "info", "wrong.bin")
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("moment", "message"),
    [
        (lambda n: torch.zeros(n, n), "singular"),
        (lambda n: torch.eye(n) * torch.nan, "NaN or infinity"),
    ],
    ids=["singular", "non-finite"],
)
def test_wrong_statistics(generator, session, capsys, moment, message) -> None:
    units = generator.layer(6).weight.shape[1]
    arrays = {"second_moment": moment(units).double(), "count": torch.tensor(20 * units)}
    about = {"layer": "6", "weights_sha256": generator.weights_sha256, "truncation": "1"}
    save_arrays("wrong.safetensors", arrays, about)
    session.save("patch.json")
    given = ("--weights", "mine.pt", "--statistics", "wrong.safetensors")
    refused(capsys, message, "rewrite", "patch.json", *given, "--out", "out.safetensors")


def test_wrong_settings(session, capsys) -> None:
    session.save("patch.json")
    given = ("rewrite", "patch.json", "--weights", "mine.pt", "--out", "out.safetensors")
    refused(capsys, "--settings: mu", *given, "--settings", '{"mu": -1}')
    refused(capsys, "--settings: speed", *given, "--settings", '{"speed": 1}')
    refused(capsys, "--settings", *given, "--settings", "{")
    refused(capsys, "--device", *given, "--device", "abacus")
    refused(capsys, "is none of", *given, "--method", "magic")


@pytest.mark.parametrize(
    "words",
    [
        ("samples", "--weights", "mine.pt", "--out", "out.png", "--samples", "0"),
        ("samples", "--weights", "mine.pt", "--out", "out.png", "--ouch"),
        ("samples", "--weights", "mine.pt"),
        ("paint",),
        (),
        ("edits",),
    ],
)
def test_a_wrong_command_line_is_status_2_too(capsys, words) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(words))
    shown = capsys.readouterr()
    assert ended.value.code == 2 and "Traceback" not in shown.err and "Usage: " in shown.err
    assert Path("out.png").read_bytes() == OLD


@pytest.fixture
def program(tmp_path: Path) -> dict[str, str]:
    """An environment in which `palimpsest` is this copy, and the home is empty."""
    for name in ("bin", "home"):
        (tmp_path / name).mkdir()
    file = tmp_path / "bin" / "palimpsest"
    file.write_text(f"#!{sys.executable}\nfrom palimpsest.cli import main\nmain()\n")
    file.chmod(0o755)
    path = f"{file.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_is_ended_early_leaves_nothing_half_written(program, number, status) -> None:
    words = ["palimpsest", "statistics", "--weights", "mine.pt", "--layer", "6"]
    words += ["--samples", "10000000", "--out", "out.safetensors"]
    # a shell in the background has its children ignore the interrupt; a person's shell does not
    start = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    start += "print(sys.argv, flush=True)\n"
    file = Path("bin/palimpsest")
    line, rest = file.read_text().split("\n", 1)
    file.write_text(f"{line}\n{start}{rest}")
    process = subprocess.Popen(
        words, env=program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=2)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == status and "Traceback" not in errors
    assert Path("out.safetensors").read_bytes() == OLD


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_commands_options_and_files_once_it_is_taught(program) -> None:
    def bash(script: str) -> str:
        done = subprocess.run(
            ["bash", "-c", script], env=program, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    # the shell that is taught is the one that runs the command
    assert "bash completion installed" in bash("palimpsest --install-completion; exit $?")
    file = next(Path("home/.bash_completions").iterdir())
    assert str(file.resolve()) in Path("home/.bashrc").read_text()

    def completed(*words: str) -> list[str]:
        listed = " ".join(f"'{word}'" for word in words)
        script = f"source {file}; COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; "
        script += "_palimpsest_completion palimpsest; echo ${COMPREPLY[@]}; complete -p palimpsest"
        answers, taught = bash(script).splitlines()
        assert "-o default" in taught, "files, where the command knows no answer"
        return answers.split()

    assert completed("palimpsest", "ed") == ["editor", "edits"]
    assert completed("palimpsest", "edits", "") == ["list", "compose", "remove"]
    assert "--strength" in completed("palimpsest", "apply", "--s")
    assert completed("palimpsest", "info", "mi") == []
