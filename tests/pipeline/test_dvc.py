"""`dvc repro`: once, not twice, in step with Snakemake, and shared with another clone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .conftest import ROOT, Checkout

pytestmark = pytest.mark.pipeline

IDENTITY = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]


def call(checkout: Checkout, *command: str) -> str:
    tools = Path(sys.executable).parent
    done = subprocess.run(
        command,
        cwd=checkout.folder,
        env=os.environ | {"PATH": f"{checkout.path.split(os.pathsep)[0]}:{tools}:{checkout.path}"},
        capture_output=True,
        text=True,
        timeout=3600,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout + done.stderr


def files(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for part in ("results", "data/edits", "data/statistics")
        for file in (folder / part).rglob("*")
        if file.is_file()
    }


def begin(checkout: Checkout) -> None:
    """A repository of its own in which nothing was made yet."""
    for name in ("dvc.yaml", ".gitignore"):
        shutil.copy2(ROOT / name, checkout.folder / name)
    for empty in ("sessions", "studies"):
        (checkout.folder / "data" / empty).mkdir(exist_ok=True)
        (checkout.folder / "data" / empty / "README.md").write_text("none\n")
    for made in ("results", "data/edits", "data/statistics", ".snakemake", "logs"):
        shutil.rmtree(checkout.folder / made)
    call(checkout, "git", "init", "--quiet")
    call(checkout, "dvc", "init", "--quiet")
    shutil.copy2(ROOT / ".dvc" / "config", checkout.folder / ".dvc" / "config")


def test_repro_at_the_paper_scale_keeps_what_that_makes(another: Checkout) -> None:
    another.edit("params.yaml", "scale: mini", "scale: paper")
    begin(another)
    call(another, "dvc", "repro")
    made = files(another.folder)
    assert "results/report.html" in made and "results/tables/reflection.csv" in made
    assert "results/tables/table3_watermarks.csv" in made
    assert another.plan() == {}
    assert "Running stage" not in call(another, "dvc", "repro")


def test_repro_once_and_a_clone_that_pulls(another: Checkout, tmp_path: Path) -> None:
    begin(another)
    call(another, "dvc", "remote", "add", "--quiet", "--default", "shelf", str(tmp_path / "shelf"))

    call(another, "dvc", "repro")
    made = files(another.folder)
    assert "results/report.html" in made and "results/metrics.json" in made
    again = call(another, "dvc", "repro")
    assert "Running stage" not in again and "up to date" in again
    assert another.plan() == {} and files(another.folder) == made
    call(another, "git", "add", "--all")
    added = call(another, "git", "status", "--porcelain").split()
    assert "dvc.lock" in added
    assert not [name for name in added if name.startswith(("results", "data/edits"))]
    call(another, "git", *IDENTITY, "commit", "--quiet", "--message", "made")
    call(another, "dvc", "push", "--quiet")

    clone = Checkout(tmp_path / "clone", another.path)
    call(another, "git", "clone", "--quiet", str(another.folder), str(clone.folder))
    # what `make pull` does
    call(clone, "dvc", "pull", "--quiet")
    call(clone, "dvc", "status", "--quiet")
    assert clone.snakemake("--touch", "--forceall").returncode == 0
    assert files(clone.folder) == made
    assert clone.plan() == {}
    clone.edit("params.yaml", "statistics:             # the", "statistics:   # the")
    assert clone.plan() == {}
    clone.edit("params.yaml", "draw:                   # copy", "draw:    # copy")
    clone.edit("params.yaml", "resamples: 2000", "resamples: 100")
    assert clone.plan() == {
        "tabulate_methods": 2,
        "tabulate_counterfactuals": 1,
        "tabulate_reflections": 1,
        "tabulate_renders": 1,
        "tabulate_tradeoff": 1,
        "tabulate_units": 1,
        "tabulate_watermarks": 1,
        "choose_layers": 1,
        "collect_metrics": 1,
        "collect_curves": 2,
        "plot_figure": 4,
        "report": 1,
    }


def test_dvc_yaml_keeps_every_folder_and_allows_only_known_rules() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    kept = [
        next(iter(entry))
        for stage in stages.values()
        for part in ("outs", "metrics", "plots")
        for entry in stage.get(part, [])
    ]
    assert {"results/panels", "results/measurements", "results/tables"} <= set(kept)
    assert len(kept) == len(set(kept))
    for stage in stages.values():
        for part in ("outs", "metrics", "plots"):
            for entry in stage.get(part, []):
                assert next(iter(entry.values()))["persist"] is True
    rules = "".join(file.read_text() for file in (ROOT / "workflow" / "rules").glob("*.smk"))
    rules += (ROOT / "Snakefile").read_text()
    for stage in stages.values():
        allowed = stage["cmd"].split("--allowed-rules", 1)[1].split("--")[0].split()
        for rule in allowed:
            parts = rule.split("_")  # a model's name may have underscores of its own
            looped = [f'f"{"_".join(parts[:n])}_{{model}}"' for n in range(1, len(parts))]
            known = (f"rule {rule}:", f"as {rule} with", *looped)
            assert any(words in rules for words in known), rule
