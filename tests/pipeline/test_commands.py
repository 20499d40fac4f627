"""A stage as a command: options, one line for a mistake, a traceback for a fault."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from palimpsest.errors import ParameterError
from palimpsest.pipeline.commands import named_files, numbered_files

from .conftest import ROOT, copy_checkout

STAGE = """
from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Annotated

import typer

from palimpsest.files.atomic import atomic_path
from palimpsest.pipeline.commands import run
from palimpsest.errors import EditError


def main(
    out: Path,
    does: Annotated[str, typer.Option(help="What to do.")] = "write",
    edit: Annotated[list[str] | None, typer.Option()] = None,
) -> None:
    '''Do what is asked.'''
    if does == "mistake":
        raise EditError("hat.safetensors: made for\\n  other weights")
    if does == "missing":
        Path("nowhere/weights.pt").read_bytes()
    if does == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(out))
    if does == "fault":
        raise RuntimeError("a fault")
    with atomic_path(out) as path:
        path.write_text(",".join(edit or []))
        if does == "wait":
            print("waiting", flush=True)
            time.sleep(60)


if __name__ == "__main__":
    run(main)
"""


@pytest.fixture
def stage(tmp_path: Path) -> list[str]:
    (tmp_path / "stage.py").write_text(STAGE)
    # as `python -m stages.x` does: the folder of the checkout comes first in the path
    start = (
        "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], None, '__main__')"
    )
    return [sys.executable, "-c", start, str(tmp_path / "stage.py")]


def call(stage: list[str], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*stage, *options], capture_output=True, text=True, timeout=60)


def test_parameters_are_options_and_lists_are_repeated(stage: list[str], tmp_path: Path) -> None:
    done = call(stage, "--out", str(tmp_path / "o"), "--edit", "a=1", "--edit", "b=2")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "o").read_text() == "a=1,b=2"


def test_help_names_every_option(stage: list[str]) -> None:
    done = call(stage, "--help")
    assert done.returncode == 0
    for text in ("Do what is asked", "--out", "--does", "--edit", "--debug", "What to do."):
        assert text in done.stdout


@pytest.mark.parametrize(
    ("does", "line"),
    [
        ("mistake", "error: hat.safetensors: made for other weights"),
        ("missing", "error: nowhere/weights.pt: No such file or directory"),
        ("full", "error: {out}: No space left on device"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(
    stage: list[str], tmp_path: Path, does: str, line: str
) -> None:
    out = tmp_path / "o"
    done = call(stage, "--out", str(out), "--does", does)
    assert done.returncode == 2
    assert done.stderr == line.format(out=out) + "\n"
    assert done.stdout == "" and not out.exists()
    with_traceback = call(stage, "--out", str(out), "--does", does, "--debug")
    assert with_traceback.returncode == 2 and "Traceback" in with_traceback.stderr


def test_a_fault_of_the_program_keeps_its_traceback(stage: list[str], tmp_path: Path) -> None:
    done = call(stage, "--out", str(tmp_path / "o"), "--does", "fault")
    assert done.returncode not in (0, 2) and "RuntimeError: a fault" in done.stderr


def test_a_misspelt_option_is_exit_2(stage: list[str]) -> None:
    done = call(stage, "--ouch", "x")
    assert done.returncode == 2 and "--ouch" in done.stderr and "Traceback" not in done.stderr


def test_sigterm_leaves_no_temporary_file(stage: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "results"
    process = subprocess.Popen(
        [*stage, "--out", str(folder / "o"), "--does", "wait"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    process.stdout.close()
    assert list(folder.iterdir()) == []


def test_named_files_keep_their_order() -> None:
    files = named_files("--edit", ["newton=a/b=c.safetensors", "direct=d"])
    assert list(files.items()) == [("newton", Path("a/b=c.safetensors")), ("direct", Path("d"))]
    assert numbered_files("--out-full", ["8=a", "5=b"]) == {8: Path("a"), 5: Path("b")}


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["newton"], "--edit: 'newton' is not NAME=FILE"),
        (["=a"], "--edit: '=a' is not NAME=FILE"),
        (["newton="], "--edit: 'newton=' is not NAME=FILE"),
        (["newton=a", "newton=b"], "--edit: newton is given twice"),
        (["six=a"], "--edit: 'six' is not the number of a layer"),
    ],
)
def test_files_without_a_name_are_refused(texts: list[str], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        numbered_files("--edit", texts)


def test_no_stage_imports_packages_that_only_some_of_its_work_needs() -> None:
    # seconds each, and most stages count, draw or solve without a segmenter
    asked = (
        "import importlib, pkgutil, sys, stages\n"
        "for module in pkgutil.iter_modules(stages.__path__):\n"
        "    importlib.import_module(f'stages.{module.name}')\n"
        "late = {'segmentation_models_pytorch', 'torchvision', 'lpips', 'scipy.stats'}\n"
        "print(*late & set(sys.modules))\n"
    )
    done = run_python("-c", asked, folder=ROOT)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_the_plan_imports_no_package_that_only_stages_need(tmp_path: Path) -> None:
    # every run begins with it, and on a cluster every job
    copy_checkout(tmp_path)
    asked = (
        "import sys\n"
        "from snakemake.cli import main\n"
        "sys.argv = ['snakemake', '--list']\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    late = {'torch', 'lark', 'scipy.stats'} & set(sys.modules)\n"
        "    print('late:', *late)\n"
    )
    done = run_python("-c", asked, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "late:", done.stdout


def test_garbage_is_collected_while_a_stage_works_but_not_while_it_imports(tmp_path: Path) -> None:
    package = tmp_path / "stages"
    package.mkdir()
    shutil.copy(ROOT / "stages" / "__init__.py", package)
    (package / "watched.py").write_text(
        "import gc\n"
        "from palimpsest.pipeline.commands import run\n"
        "imported = gc.isenabled()\n"
        "def main() -> None:\n"
        "    print(imported, gc.isenabled(), gc.get_freeze_count() > 0)\n"
        "if __name__ == '__main__':\n"
        "    run(main)\n"
    )
    as_stage = run_python("-m", "stages.watched", folder=tmp_path)
    assert as_stage.stdout.split() == ["False", "True", "True"], as_stage.stderr
    as_module = run_python("-c", "from stages.watched import main; main()", folder=tmp_path)
    assert as_module.stdout.split() == ["True", "True", "False"], as_module.stderr


def run_python(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
