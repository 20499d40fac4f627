"""Stages of a second do not spend another on packages that they do not use."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("stage", ["plot_figure", "collect_curves", "tabulate_counterfactuals"])
def test_what_reads_no_tensors_imports_no_pytorch(stage: str) -> None:
    code = f"import sys, stages.{stage}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
