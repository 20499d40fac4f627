"""The page while a run goes on: written early, renewed, and never in place of a complete one."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from palimpsest.report.page import Run, is_unfinished, render_page

ROOT = Path(__file__).parents[2]


@pytest.fixture
def files(tmp_path: Path) -> tuple[list[Path], list[Path], Path]:
    tables = [tmp_path / f"{name}.csv" for name in ("table2_domes", "edits")]
    return tables, [tmp_path / "fig02_memory.png"], tmp_path / "report.html"


def make(table: Path) -> None:
    table.write_text("session,layer\nadd_people,6\n")


def draw(figure: Path) -> None:
    Image.new("RGB", (8, 8)).save(figure)
    figure.with_suffix(".txt").write_text("A memory.\n")


def until(holds: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        if holds():
            return
        assert process.poll() is None, "it ended"
        time.sleep(0.05)
    raise AssertionError("not within a minute")


def begin(tables: list[Path], figures: list[Path], page: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "stages.report_so_far", "--page", str(page), "--every", "0.05"]
    command += [part for file in tables for part in ("--table", str(file))]
    command += [part for file in figures for part in ("--figure", str(file))]
    return subprocess.Popen(command, cwd=ROOT)


def test_missing_parts_say_so_and_a_complete_page_has_none(files) -> None:
    tables, figures, page = files
    make(tables[1])
    so_far = render_page(tables, figures, page, Run.GOING_ON)
    assert so_far.count("Not made yet.") == 2 and "1 of 3 tables and figures" in so_far
    assert "Figure 2. A layer as a memory" in so_far and "add_people" in so_far
    ended = render_page(tables, figures, page, Run.ENDED)
    assert "The run ended before" in ended and 'http-equiv="refresh"' not in ended
    with pytest.raises(FileNotFoundError):
        render_page(tables, figures, page)
    make(tables[0])
    figures[0].with_suffix(".txt").write_text("A caption without its picture.\n")
    assert render_page(tables, figures, page, Run.GOING_ON).count("Not made yet.") == 1
    draw(figures[0])
    whole = render_page(tables, figures, page)
    assert "ot made" not in whole and 'http-equiv="refresh"' not in whole
    page.write_text(whole)
    assert not is_unfinished(page)


def test_the_page_is_renewed_and_says_at_the_end_what_is_missing(files) -> None:
    tables, figures, page = files
    process = begin(tables, figures, page)
    try:
        until(lambda: is_unfinished(page), process)
        assert "0 of 3" in page.read_text()
        make(tables[0])
        until(lambda: "1 of 3" in page.read_text(), process)
        assert page.stat().st_mtime < tables[0].stat().st_mtime  # so that the rule runs
        draw(figures[0])
        until(lambda: "2 of 3" in page.read_text(), process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert is_unfinished(page) and "The run ended before" in page.read_text()


def test_a_complete_page_is_left_alone(files) -> None:
    tables, figures, page = files
    page.write_text("a complete page")
    beside = page.with_name("beside.html")
    processes = [begin(tables, figures, one) for one in (page, beside)]
    try:
        make(tables[0])
        until(lambda: is_unfinished(beside) and "1 of 3" in beside.read_text(), processes[1])
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    assert page.read_text() == "a complete page"
