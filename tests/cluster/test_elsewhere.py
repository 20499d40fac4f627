"""Clusters other than Slurm: the generic profile with a local submit command, and the image."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from ..pipeline.conftest import ROOT, Checkout
from .conftest import TABLE

OFTEN = ("--seconds-between-status-checks", "1")
PROFILES = sorted(path.parent.name for path in (ROOT / "profiles").glob("*/config.yaml"))

# runs the script of a job in its own process, as a batch system does, and tells of it
SUBMIT = """#!/bin/sh
echo "$1 $2" >> {asked}
setsid sh "$3" > /dev/null 2>&1 < /dev/null &
echo $!
"""


@pytest.mark.pipeline
@pytest.mark.skipif(
    find_spec("snakemake_executor_plugin_cluster_generic") is None,
    reason="no snakemake-executor-plugin-cluster-generic here",
)
def test_a_generic_cluster_makes_the_table(checkout: Checkout, tmp_path: Path) -> None:
    submit, asked = tmp_path / "submit.sh", tmp_path / "asked"
    submit.write_text(SUBMIT.format(asked=asked))
    command = f"sh {submit} {{threads}} {{resources.mem_mb}}"
    done = checkout.snakemake(
        "--profile",
        "profiles/generic",
        *OFTEN,
        "--cluster-generic-submit-cmd",
        command,
        "--",
        TABLE,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert checkout.plan("--", TABLE) == {}
    jobs = asked.read_text().splitlines()  # threads and memory as the rules say
    assert len(jobs) == 4 and {job.split()[0] for job in jobs} == {"1"}
    assert {int(job.split()[1]) for job in jobs} >= {3000}


@pytest.mark.parametrize("name", [name for name in PROFILES if name != "default"])
def test_a_profile_sets_nothing_that_the_default_one_sets(name: str) -> None:
    default, own = (
        yaml.safe_load((ROOT / "profiles" / one / "config.yaml").read_text())
        for one in ("default", name)
    )
    assert own["executor"] == {"generic": "cluster-generic"}.get(name, name)
    assert own["default-resources"].keys() >= {"mem_mb", "runtime", "gpu"}
    assert not own.keys() & default.keys()


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, each with its arguments on one line."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines if line)]


def test_the_image_has_the_pinned_packages_on_the_projects_python() -> None:
    known = {"FROM", "SHELL", "RUN", "WORKDIR", "COPY", "ENV", "CMD"}
    found = instructions()
    assert found[0][0] == "FROM" and {name for name, _ in found} <= known
    lock = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    version = lock[0].removeprefix("python=")
    assert found[0][1].startswith(f"python:{version}-")
    order = [rest for name, rest in found if name in ("COPY", "RUN")]
    packages = next(i for i, rest in enumerate(order) if "uv pip sync" in rest)
    assert order.index("requirements.txt .") < packages < order.index(". .")


def test_the_image_leaves_out_what_runs_write_and_photographs() -> None:
    left_out = (ROOT / ".dockerignore").read_text().splitlines()
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    written = {line.strip("/") for line in ignored if line.startswith("/")}
    assert {name for name in written if name.startswith("data/")} <= set(left_out)
    assert {"results", "logs", "quick", ".git", ".venv"} <= set(left_out)
