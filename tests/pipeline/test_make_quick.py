"""`make quick`: a few results, marked as coarse, in a folder of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from palimpsest.errors import ParameterError
from palimpsest.pipeline.parameters import load_parameters
from palimpsest.pipeline.plan import Plan
from tests.doubles.small_plan import folder, names, plan

from .conftest import ROOT, stand_in_checkout

__all__ = ["folder"]

SHOWN = {"fig01_rules", "fig03_session", "fig04_comparison"}


def test_only_what_is_named_is_made(folder: Path) -> None:
    whole = plan(folder)
    assert set(whole.weight_files) | set(whole.session_edits) <= set(whole.everything)
    wanted = {"tables": ["edits", "table2_domes"], "figures": ["fig01_rules"]}
    few = plan(folder, {"only": wanted})
    assert names(few.tables) == ["table2_domes", "edits"] and names(few.figures) == ["fig01_rules"]
    assert few.walks == []
    shown = {"table2_domes", "edits", "metrics", "fig01_rules", "report"}
    assert set(names(few.everything)) == shown


@pytest.mark.parametrize(
    ("only", "said"),
    [
        ({"tables": ["edits"], "figures": ["fig99"]}, "only.figures: .* no 'fig99'"),
        ({"tables": ["table9"], "figures": []}, "only.tables: .* no 'table9'"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(folder: Path, only: dict, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        plan(folder, {"only": only})


def test_a_first_look_has_fewer_samples_than_the_real_results(tmp_path: Path) -> None:
    params = (ROOT / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(params.replace("\nscale: mini\n", "\nscale: quick\n"))
    quick = load_parameters(tmp_path / "params.yaml", ROOT / "workflow" / "scales")
    mini = load_parameters(ROOT / "params.yaml", ROOT / "workflow" / "scales")
    assert quick.measure.samples * 10 <= mini.measure.samples
    made = Plan.read(quick, ROOT)
    assert names(made.tables) == ["table2_domes"] and set(names(made.figures)) == SHOWN
    edits = {"dome2spire", "dome2tree"}
    assert set(made.method_tables["table2_domes"]) == edits


@pytest.mark.pipeline
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_quick_leaves_the_results_of_make_figures_alone(tmp_path: Path) -> None:
    checkout = stand_in_checkout(tmp_path)
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    shutil.copy(tmp_path / "bin" / "python", programs / "python")
    (programs / "snakemake").write_text(f'#!/bin/sh\nexec {sys.executable} -m snakemake "$@"\n')
    (programs / "snakemake").chmod(0o755)
    (tmp_path / ".venv" / ".requirements.txt").touch()  # the packages are installed

    def make_quick() -> str:
        done = subprocess.run(
            ["make", "quick"],
            cwd=tmp_path,
            env=os.environ | {"PATH": checkout.path},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "quick/results/report.html" in make_quick()
    results = tmp_path / "quick" / "results"
    assert {file.name for file in (results / "tables").iterdir()} == {"table2_domes.csv"}
    assert {file.stem for file in (results / "figures").iterdir()} == SHOWN
    assert "quick" in (results / "figures" / "fig01_rules.png").read_text()
    made_beside = [tmp_path / name for name in ("results", "data/edits", "data/statistics")]
    assert not any(folder.exists() for folder in made_beside)
    assert "Nothing to be done" in make_quick()
