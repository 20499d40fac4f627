"""A copy of the checkout in which Snakemake runs, with the real stages or with stand-ins."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COPIED = [
    "Snakefile",
    "params.yaml",
    "environment.yml",
    "data/layer_choice.csv",
    "data/paper_figures",
    "data/sessions",
    "workflow",
    "profiles",
    "palimpsest",
]

# Answers `python -m stages.x ...` in milliseconds: each output holds the options and a digest of
# the files they name, so that other options or other input give another output. Only the plan is
# tested with it; what the stages do has tests of its own.
STAND_IN = """#!{python} -S
import hashlib, os, sys
stage, options = sys.argv[2], list(zip(sys.argv[3::2], sys.argv[4::2]))
if os.environ.get("FAILING") == stage:
    open(dict(options)["--out"], "w").write("half")
    sys.exit(2)
text = stage
for name, value in options:
    path = value.split("=")[-1]
    if name.startswith("--out"):
        continue
    text += f" {{name}} {{value}}"
    if os.path.isfile(path):
        text += " " + hashlib.sha256(open(path, "rb").read()).hexdigest()
for name, value in options:
    if name == "--out-dir":
        os.makedirs(value, exist_ok=True)
        for session in [value for name, value in options if name == "--session"]:
            place = f"{{value}}/{{session.partition('@')[0]}}.json"
            open(place, "w").write(text + session)
    elif name.startswith("--out"):
        value = value.split("=")[-1]
        os.makedirs(os.path.dirname(value), exist_ok=True)
        open(value, "w").write(text)
        if value.endswith((".png", ".webp")):
            open(os.path.splitext(value)[0] + ".txt", "w").write(text)
"""


@dataclass(frozen=True)
class Checkout:
    """A folder with the pipeline in it, and how to run it there."""

    folder: Path
    path: str

    def snakemake(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *options]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=os.environ | {"PATH": self.path, "PYTHONDONTWRITEBYTECODE": "1"} | environment,
            capture_output=True,
            text=True,
            timeout=3600,
        )

    def plan(self, *options: str) -> dict[str, int]:
        """Jobs that Snakemake would run, by rule; empty when there is nothing to do."""
        done = self.snakemake("--dry-run", *options)
        text = done.stdout + done.stderr
        assert done.returncode == 0, text
        if "Nothing to be done" in text:
            return {}
        table = re.search(r"^job +count\n-+.*\n((?:\w+ +\d+\n)+)", text, re.MULTILINE)
        assert table, text
        counts = {line.split()[0]: int(line.split()[1]) for line in table.group(1).splitlines()}
        del counts["total"]
        counts.pop("all", None)
        return counts

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.folder / file).read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        (self.folder / file).write_text(text.replace(old, new))


def copy_checkout(folder: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)


def stand_in_checkout(folder: Path) -> Checkout:
    """A checkout in which the stand-in answers for every stage; nothing is run yet."""
    copy_checkout(folder)
    stand_in = folder / "bin" / "python"
    stand_in.parent.mkdir()
    stand_in.write_text(STAND_IN.format(python=sys.executable))
    stand_in.chmod(0o755)
    weights = folder / "data" / "weights" / "mini"
    weights.mkdir(parents=True)
    for world in ("church", "face", "horse", "kitchen"):
        for name in (world, f"{world}-segmenter"):
            (weights / f"{name}.safetensors").write_text(name)
    critics = tuple(f"{world}-critic" for world in ("church", "face", "horse"))
    others = (*critics, "church_progressive", "kitchen_stylegan2", "face-smile", "letters")
    photographs = ("photo_faces", "photo_faces-parts", "photo_faces-smile", "photo_faces-reference")
    for other in (*others, *photographs):
        (weights / f"{other}.safetensors").write_text(other)
    return Checkout(folder, f"{stand_in.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout whose every output was made once, by the stand-in."""
    checkout = stand_in_checkout(tmp_path_factory.mktemp("checkout"))
    done = checkout.snakemake()
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout


@pytest.fixture
def another(finished: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the finished checkout, to change."""
    folder = tmp_path / "checkout"
    shutil.copytree(finished.folder, folder)
    return Checkout(folder, finished.path.replace(str(finished.folder), str(folder)))
