"""The stage `fetch_photographs`: what it writes, and one line where there is no network."""

from __future__ import annotations

from pathlib import Path

import pytest

from palimpsest.published.photograph_set import PhotographManifest
from stages import fetch_photographs
from tests.doubles.drawn_photographs import drawn_archive
from tests.doubles.local_server import serving
from tests.doubles.report_sources import call


def test_it_writes_what_it_verified(tmp_path: Path) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    manifest = PhotographManifest.of(drawn_archive(folder / "faces.zip", range(1, 10)))
    manifest.save(tmp_path / "manifest.json")
    target = tmp_path / "faces.zip"
    with serving(folder) as url:
        given = {"origin": f"{url}/faces.zip", "manifest": tmp_path / "manifest.json"}
        assert call(fetch_photographs, out=target, **given) == 0
    assert manifest.differences(target) == ""


def test_without_network_it_says_in_one_line_how_to_get_them(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    target = tmp_path / "data" / "faces.zip"
    given = {"origin": "http://127.0.0.1:9/faces.zip", "attempts": 1, "timeout": 0.5}
    assert call(fetch_photographs, out=target, **given) == 2
    error = capsys.readouterr().err.strip()
    assert "no connection" in error and "hromi/SMILEsmileD" in error and str(target) in error
    assert len(error.splitlines()) == 1 and not target.exists()
