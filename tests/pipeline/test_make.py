"""`make figures` without the photographs: it tries to fetch them, and goes on without."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOWHERE = "http://127.0.0.1:9"  # no server listens there
FROM_OUTSIDE = {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "makeflags", "makelevel"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with this Makefile, whose snakemake only says that it runs."""
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, line in (("python", f'exec {sys.executable} "$@"'), ("snakemake", "echo planned")):
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    for file in ("requirements.txt", "params.yaml", "Makefile"):
        shutil.copy(ROOT / file, tmp_path)
    (tmp_path / ".venv" / ".requirements.txt").touch()  # the packages are installed
    return tmp_path


def make_figures(project: Path) -> subprocess.CompletedProcess[str]:
    """Run it where no address can be reached."""
    environment = {name: x for name, x in os.environ.items() if name.lower() not in FROM_OUTSIDE}
    environment |= {"https_proxy": NOWHERE, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["make", "figures"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_without_network_it_says_why_and_goes_on(project: Path) -> None:
    done = make_figures(project)
    assert done.returncode == 0 and "planned" in done.stdout.splitlines()
    why, effect = done.stderr.splitlines()
    assert why.startswith("error:") and "no connection" in why
    assert "data/photographs/faces.zip" in why
    assert effect.startswith("Without photographs") and "photographs.csv" in effect


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_an_archive_that_is_there_is_not_asked_for(project: Path) -> None:
    archive = project / "data" / "photographs" / "faces.zip"
    archive.parent.mkdir(parents=True)
    archive.touch()
    done = make_figures(project)
    assert done.returncode == 0 and done.stderr == ""
    assert "planned" in done.stdout.splitlines()
