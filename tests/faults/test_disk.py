"""A full disk and folders that cannot be written: one line that names the file, nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import small_pipeline as small
from .conftest import Mount, Undisturbed
from .small_pipeline import SmallPipeline, errors_in, make_small_pipeline, said
from .stage_calls import AGAIN, STAGES, refused
from .test_truncation import linked

pytestmark = pytest.mark.pipeline

OLD = b"what an earlier run made"


def fill(folder: Path) -> Path:
    """A file that takes all the room that is left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return filler
    raise AssertionError("not reached: the loop ends with an error")


def with_old_file(undisturbed: Undisturbed, folder: Path, mount: Mount, name: str) -> Path:
    """What a stage reads, and what it wrote before, on a disk of its own of 64 kB."""
    call = STAGES[name]
    linked(undisturbed.pipeline.folder, folder, call.files.values())
    mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", at=folder / AGAIN)
    (folder / AGAIN / call.out).write_bytes(OLD)
    return folder


@pytest.mark.parametrize("name", STAGES)
def test_a_full_disk_is_one_line_and_the_old_file_stays(
    undisturbed: Undisturbed,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    mount: Mount,
    name: str,
) -> None:
    folder = with_old_file(undisturbed, tmp_path, mount, name)
    fill(folder / AGAIN)
    line = refused(capsys, STAGES[name], folder, out=OLD)
    assert "No space left on device" in line and f"{AGAIN}/{STAGES[name].out}" in line


@pytest.mark.parametrize("name", STAGES)
def test_a_folder_that_cannot_be_written_is_one_line(
    undisturbed: Undisturbed,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    mount: Mount,
    name: str,
) -> None:
    folder = with_old_file(undisturbed, tmp_path, mount, name)
    mount("-o", "remount,ro", at=folder / AGAIN)
    line = refused(capsys, STAGES[name], folder, out=OLD)
    assert "Read-only file system" in line and f"{AGAIN}/{STAGES[name].out}" in line


def test_a_pipeline_on_a_full_disk_goes_on_when_there_is_room(
    undisturbed: Undisturbed, tmp_path: Path, mount: Mount
) -> None:
    folder = tmp_path / "small_disk"
    mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", at=folder)
    pipeline = make_small_pipeline(folder / "checkout").short()
    filler = fill(folder)
    # room for what Snakemake notes and for logs, not for the statistics too
    with filler.open("rb+") as file:
        file.truncate(filler.stat().st_size - 256 * 1024)
    done = pipeline.run()
    assert done.returncode != 0
    assert any("No space left on device" in line for line in errors_in(said(done))), said(done)
    assert pipeline.results().keys() <= undisturbed.results.keys()
    assert pipeline.unfinished() == []
    filler.unlink()
    done = pipeline.run()
    assert done.returncode == 0, said(done)
    assert pipeline.results() == undisturbed.expected(pipeline)


def test_a_pipeline_on_a_disk_without_a_byte_goes_on_when_there_is_room(
    undisturbed: Undisturbed, tmp_path: Path, mount: Mount
) -> None:
    """Then Snakemake itself cannot write its notes."""
    folder = tmp_path / "small_disk"
    mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", at=folder)
    pipeline = make_small_pipeline(folder / "checkout").short()
    filler = fill(folder)
    done = pipeline.run()
    assert done.returncode != 0
    assert "No space left on device" in said(done)
    assert pipeline.results() == {}
    filler.unlink()
    done = pipeline.run()
    assert done.returncode == 0, said(done)
    assert pipeline.results() == undisturbed.expected(pipeline)


def test_read_only_results_are_named_and_the_pipeline_goes_on_when_they_are_not(
    finished: SmallPipeline, undisturbed: Undisturbed, mount: Mount
) -> None:
    folder = finished.folder / "results"
    for table in (small.EDITS_TABLE, small.COUNTERFACTUALS_TABLE):
        (finished.folder / table).unlink()
    there = finished.results()
    mount("--bind", str(folder), at=folder)
    mount("-o", "remount,bind,ro", at=folder)
    done = finished.run()
    assert done.returncode != 0
    assert "Read-only file system" in said(done) and "results/tables" in said(done)
    assert finished.results() == there
    mount("-o", "remount,bind,rw", at=folder)
    done = finished.run()
    assert done.returncode == 0, said(done)
    assert finished.results() == undisturbed.results
