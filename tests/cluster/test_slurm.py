"""The pipeline on a real Slurm of one node: the same results, GPUs where asked, no lost job."""

from __future__ import annotations

import csv
import shutil
import struct
from collections import Counter
from pathlib import Path

import pytest
import yaml

from ..pipeline.conftest import ROOT, Checkout
from .conftest import CHECKPOINT, EDITS, STATISTICS, TABLE
from .one_node_slurm import Job, Slurm

pytestmark = pytest.mark.pipeline

OFTEN = ("--slurm-init-seconds-before-status-checks", "1")


@pytest.fixture
def submitting(checkout: Checkout, slurm: Slurm) -> Checkout:
    """The checkout on a machine whose commands are those of the Slurm."""
    return Checkout(checkout.folder, f"{checkout.path.split(':')[0]}:{slurm.path}")


def tensors(file: Path) -> bytes:
    """All of a safetensors file but its header, where the times stand."""
    content = file.read_bytes()
    (header,) = struct.unpack("<Q", content[:8])
    return content[8 + header :]


def rows(file: Path) -> list[dict[str, str]]:
    """The table without its times, and without the sizes of files that hold a time as text."""
    with file.open() as lines:
        return [
            {k: v for k, v in row.items() if k not in ("seconds", "bytes")}
            for row in csv.DictReader(lines)
        ]


def test_slurm_makes_what_this_machine_makes(
    submitting: Checkout, slurm: Slurm, tmp_path: Path
) -> None:
    alone = Checkout(tmp_path / "alone", submitting.path)
    shutil.copytree(submitting.folder, alone.folder)
    before = len(slurm.jobs())

    # the variable instead of --profile, as `dvc repro` needs it
    done = submitting.snakemake(*OFTEN, "--", TABLE, SNAKEMAKE_PROFILE="profiles/slurm")
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert submitting.plan("--", TABLE) == {}

    jobs = slurm.jobs()[before:]
    assert {job.state for job in jobs} == {"COMPLETED"}
    assert Counter((job.rule, job.gpus) for job in jobs) == {
        ("key_statistics", 1): 1,
        ("rewrite", 1): 2,
        ("tabulate_edits", 0): 1,
    }
    assert not list((submitting.folder / "logs/slurm").rglob("*.log"))

    assert alone.snakemake("--", TABLE).returncode == 0
    assert len(slurm.jobs()) == before + len(jobs)
    for file in (STATISTICS, *EDITS):
        assert tensors(submitting.folder / file) == tensors(alone.folder / file), file
    assert rows(submitting.folder / TABLE) == rows(alone.folder / TABLE)
    assert len(rows(alone.folder / TABLE)) == len(EDITS)


def test_a_job_that_fails_on_slurm_ends_the_run(submitting: Checkout, slurm: Slurm) -> None:
    checkpoint = submitting.folder / CHECKPOINT
    checkpoint.write_bytes(checkpoint.read_bytes()[:100_000])
    before = len(slurm.jobs())
    done = submitting.snakemake("--profile", "profiles/slurm", *OFTEN, "--", TABLE)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"error: {CHECKPOINT}" in text, text[-4000:]
    assert slurm.jobs()[before:] == [Job("FAILED", "key_statistics", 1)]
    assert not (submitting.folder / STATISTICS).exists()
    assert list((submitting.folder / "logs/slurm").rglob("*.log"))


def test_the_profile_says_nothing_that_the_default_one_overrules() -> None:
    read = [
        yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())
        for name in ("default", "slurm")
    ]
    assert not read[0].keys() & read[1].keys()
