"""The stages of the small pipeline, called by hand on the files of a folder.

    refused(capsys, rewrite_it(folder))       # one line, exit 2, and nothing written

Options are those that the rules give; the outputs go to `AGAIN` beside the pipeline's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from palimpsest.pipeline.commands import USER_ERROR, run
from stages import (
    key_statistics,
    measure_counterfactuals,
    plot_figure,
    render_panel,
    report,
    rewrite,
    tabulate_counterfactuals,
    tabulate_critics,
    tabulate_edits,
    tabulate_instruments,
)

from . import small_pipeline as small

AGAIN = "again"
"""Folder for what the stages write here."""

INTERVALS = json.dumps({"level": 0.95, "resamples": 50, "seed": 0})


@dataclass(frozen=True)
class StageCall:
    """A stage, the options that name its inputs (relative to a folder), and the rest."""

    stage: ModuleType
    files: Mapping[str, str]
    out: str
    rest: tuple[str, ...] = ()

    def words(self, folder: Path) -> list[str]:
        """What stands behind the stage's name."""
        words = [*self.rest, "--out", str(folder / AGAIN / self.out)]
        for option, file in self.files.items():
            name, _, path = file.rpartition("=")
            words += [f"--{option}", f"{name}={folder / path}" if name else str(folder / path)]
        return words

    def status(self, folder: Path) -> int:
        """Run in this process; the exit status."""
        with pytest.raises(SystemExit) as left:
            run(self.stage.main, self.words(folder))
        return left.value.code or 0


STAGES = {
    "key_statistics": StageCall(
        key_statistics,
        {"weights": small.WEIGHTS},
        "layer6.safetensors",
        ("--layer", "6", "--samples", "60"),
    ),
    "rewrite": StageCall(
        rewrite,
        {"weights": small.WEIGHTS, "statistics": small.STATISTICS, "session": small.SESSION},
        "edit.safetensors",
        ("--settings", '{"iterations": 2}'),
    ),
    "measure_counterfactuals": StageCall(
        measure_counterfactuals,
        {
            "weights": small.WEIGHTS,
            "segmenter": small.SEGMENTER,
            "edit": f"dome2spire={small.EDIT}",
        },
        "church.parquet",
        ("--world", "church", "--samples", "4"),
    ),
    "render_panel": StageCall(
        render_panel,
        {
            "weights": small.WEIGHTS,
            "segmenter": small.SEGMENTER,
            "edit": f"dome2spire={small.EDIT}",
            "session": f"dome2spire={small.SESSION}",
            "statistics": small.STATISTICS,
        },
        "fig09_windows.npz",
        (
            "--figure",
            "fig09_windows",
            "--model",
            "church",
            "--settings",
            json.dumps({"pairs": 2, "samples": 8, "seed": 3}),
        ),
    ),
    "tabulate_counterfactuals": StageCall(
        tabulate_counterfactuals,
        {"measurements": small.MEASUREMENTS},
        "counterfactuals.csv",
        ("--intervals", INTERVALS),
    ),
    "tabulate_edits": StageCall(tabulate_edits, {"edit": small.EDIT}, "edits.csv"),
    "tabulate_instruments": StageCall(
        tabulate_instruments, {"segmenter": small.SEGMENTER}, "instrument_grades.csv"
    ),
    "tabulate_critics": StageCall(tabulate_critics, {"critic": small.CRITIC}, "critic_grades.csv"),
    "plot_figure": StageCall(
        plot_figure,
        {"panel": small.PANEL},
        "fig09_windows.png",
        ("--figure", "fig09_windows", "--style", '{"dpi": 60}'),
    ),
    "report": StageCall(
        report, {"table": small.EDITS_TABLE, "figure": small.FIGURE}, "report.html"
    ),
}


def refused(
    capsys: pytest.CaptureFixture[str], call: StageCall, folder: Path, out: bytes | None = None
) -> str:
    """The one line that a stage ends with; what stood at its output's place must still stand."""
    target = folder / AGAIN / call.out
    capsys.readouterr()
    status = call.status(folder)
    told = capsys.readouterr().err
    assert status == USER_ERROR, f"exit status {status}: {told}"
    # a bar may have shown how far it came
    line = told.splitlines()[-1]
    assert line.startswith("error: ") and told.count("error: ") == 1, told
    assert (target.read_bytes() if target.exists() else None) == out
    if target.parent.exists():
        assert [file.name for file in target.parent.iterdir() if file.name.startswith(".")] == []
    return line
