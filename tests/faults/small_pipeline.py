"""A pipeline of seven jobs, small enough to be killed again and again.

A copy of the checkout with one model, one session and one figure, at the scale `smoke`. It passes
through every kind of file: statistics and an edit (safetensors), measurements (parquet), a panel
(npz), tables (csv) and a figure (png, txt)::

    pipeline = make_small_pipeline(folder)
    run = pipeline.start()                  # in a process group of its own
    run.kill_all()                          # SIGKILL: Snakemake and its stages
    finished = pipeline.run()               # the same command again, to its end
    pipeline.results()                      # the files it made, as they must be equal
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

from palimpsest.pipeline.parameters import merge
from palimpsest.sessions.masks import encode_mask
from palimpsest.sessions.schema import Exemplar, Selection, Session
from tests.pipeline.conftest import ROOT, Checkout, copy_checkout

from .comparing import as_compared

STATISTICS = "data/statistics/church/layer6.safetensors"
EDIT = "data/edits/church/dome2spire.safetensors"
MEASUREMENTS = "results/measurements/counterfactuals/church.parquet"
PANEL = "results/panels/fig09_windows.npz"
FIGURE = "results/figures/fig09_windows.png"
EDITS_TABLE = "results/tables/edits.csv"
COUNTERFACTUALS_TABLE = "results/tables/counterfactuals.csv"
TARGETS = (EDITS_TABLE, COUNTERFACTUALS_TABLE, FIGURE)
"""Of all seven jobs."""

SHORT = (EDITS_TABLE,)
"""Of the first three jobs, where any pipeline will do."""

MADE_FOR_SHORT = (STATISTICS, EDIT, EDITS_TABLE)

WEIGHTS = "data/weights/mini/church.safetensors"
SEGMENTER = "data/weights/mini/church-segmenter.safetensors"
CRITIC = "data/weights/mini/church-critic.safetensors"
SESSION = "data/sessions/church/dome2spire.json"
SERVER = "palimpsest.pipeline.job_server"
MADE = ("results", "data/statistics", "data/edits")
"""Folders that the pipeline writes its results to."""

PROGRESS = "progress.html"
"""Written before the first job, so no result of any."""


@dataclass(frozen=True)
class Run:
    """A running `snakemake`, and the processes that came of it."""

    process: subprocess.Popen[bytes]
    folder: Path
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def ended_within(self, seconds: float) -> bool:
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stages(self) -> dict[int, str]:
        """Stages at work in the folder, of this run or of another: process id -> stage.

        A stage that the job server forked is there twice: the process that waits and its own.
        """
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                here = Path(os.readlink(entry / "cwd")) == self.folder.resolve()
                name = (entry / "comm").read_text().strip()
            except OSError:  # it ended meanwhile
                continue
            if here and words[1:2] == ["-m"] and words[2].startswith("stages."):
                found[int(entry.name)] = words[2].removeprefix("stages.")
            elif here and words[2:3] == [SERVER] and not name.startswith("python"):
                found[int(entry.name)] = name
        return found

    def wait_for_stage(self, name: str = "", seconds: float = 120) -> int:
        """The process id of a stage at work, of any if no name is given."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            for pid, stage in self.stages().items():
                if name in ("", stage):
                    return pid
            time.sleep(0.02)
        raise AssertionError(f"no stage {name} came to work: {self.said}")

    def kill_all(self) -> None:
        """SIGKILL to Snakemake, its shells and its stages, all at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def kill_snakemake(self) -> None:
        """SIGKILL to Snakemake alone: its shells and stages are left without it."""
        self.process.kill()
        self.process.wait()

    def wait_for_orphans(self, seconds: float = 120) -> None:
        """Until no stage is at work in the folder; fails if one still is after `seconds`."""
        until = time.monotonic() + seconds
        while left := self.stages():
            assert time.monotonic() < until, f"stages outlive their pipeline: {left}"
            time.sleep(0.05)


@dataclass(frozen=True)
class SmallPipeline(Checkout):
    """The folder of a small pipeline, and what is done with it."""

    targets: tuple[str, ...] = TARGETS

    def start(self) -> Run:
        log = self.folder / "logs" / f"run-{time.monotonic_ns()}.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "snakemake", "--cores", "2", *self.targets],
                cwd=self.folder,
                env=os.environ | {"PATH": self.path, "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Run(process, self.folder, log)

    def run(self) -> subprocess.CompletedProcess[str]:
        """The command, to its end."""
        return self.snakemake(*self.targets)

    def planned(self) -> dict[str, int]:
        return self.plan(*self.targets)

    def files(self) -> list[Path]:
        """Every file in the folders of results that is not hidden, nor the page of what is done."""
        return sorted(
            file
            for part in MADE
            for file in (self.folder / part).rglob("*")
            if file.is_file() and not file.name.startswith(".") and file.name != PROGRESS
        )

    def results(self) -> dict[str, object]:
        """What each result file holds, without what a clock wrote into it."""
        return {
            file.relative_to(self.folder).as_posix(): as_compared(file) for file in self.files()
        }

    def unfinished(self) -> list[str]:
        """Temporary files that lie in the folders of results."""
        return [
            file.relative_to(self.folder).as_posix()
            for part in MADE
            for file in (self.folder / part).rglob(".*")
        ]

    def clear(self) -> None:
        """As before the first run."""
        for made in (*MADE, ".snakemake", "logs"):
            shutil.rmtree(self.folder / made, ignore_errors=True)

    def copy(self, folder: Path) -> SmallPipeline:
        shutil.copytree(self.folder, folder)
        return SmallPipeline(folder, self.path)

    def short(self) -> SmallPipeline:
        """The same folder, of which only `SHORT` is asked."""
        return replace(self, targets=SHORT)


def said(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def errors_in(text: str) -> list[str]:
    """The lines that stages ended with, as Snakemake shows the logs of failed jobs."""
    return re.findall(r"^error: .*$", text, re.MULTILINE)


def make_small_pipeline(folder: Path) -> SmallPipeline:
    """A copy of the checkout in `folder`, cut down to `TARGETS`; nothing is run yet."""
    copy_checkout(folder)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "stages", folder / "stages", ignore=ignored)
    (folder / WEIGHTS).parent.mkdir(parents=True)
    for name in (WEIGHTS, SEGMENTER, CRITIC):
        shutil.copy2(ROOT / name, folder / name)
    (folder / "params.yaml").write_text(yaml.safe_dump(_parameters(), sort_keys=False))
    (folder / "workflow" / "scales" / "smoke.yaml").write_text("scale: smoke\n")
    _session().save(folder / SESSION)
    tools = Path(sys.executable).parent
    return SmallPipeline(folder, f"{tools}{os.pathsep}{os.environ['PATH']}")


def _parameters() -> dict[str, object]:
    """`params.yaml` with its smoke scale, of which one model, session and figure are left."""
    values = merge(
        yaml.safe_load((ROOT / "params.yaml").read_text()),
        yaml.safe_load((ROOT / "workflow" / "scales" / "smoke.yaml").read_text()),
    )
    figure = {"model": "church", "sessions": ["dome2spire"], "pairs": 2}
    values |= {
        "models": {"church": values["models"]["church"]},
        "sessions": {"church": {"dome2spire": {"solver": "newton"}}},
        "figures": {"fig09_windows": figure},
        "grade_rule": {},
    }
    values["counterfactuals"] |= {"models": ["church"], "samples": 8}
    values["panels"] |= {"samples": 16}
    values["layer_probe"]["models"] = {}
    values["reflections"]["model"] = "church"
    return values


def _session() -> Session:
    """A session as a person might draw it, but of rectangles: no job has to draw one first."""

    def box(sample: int, top: int, left: int, bottom: int, right: int) -> Selection:
        mask = np.zeros((128, 128))
        mask[top:bottom, left:right] = 1
        return Selection(sample=sample, mask=encode_mask(mask))

    return Session(
        model="church",
        name="dome2spire",
        layer=6,
        exemplars=(Exemplar(object=box(4, 16, 48, 48, 80), paste=box(7, 16, 48, 48, 80)),),
        context=tuple(box(sample, 24, 56, 40, 72) for sample in (7, 9, 12)),
    )
