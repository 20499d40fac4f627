"""The stage `fetch_photographs`: what it writes, and one line for whatever goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from palimpsest.published.photograph_set import PhotographManifest
from stages import fetch_photographs
from tests.doubles.drawn_photographs import drawn_archive
from tests.doubles.local_server import serving
from tests.doubles.report_sources import call


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """A folder with the right archive ``faces.zip``, whose manifest lies beside the folder, and
    ``other.zip`` with other photographs."""
    folder = tmp_path / "served"
    folder.mkdir()
    right = drawn_archive(folder / "faces.zip", range(1, 10))
    PhotographManifest.of(right).save(tmp_path / "manifest.json")
    drawn_archive(folder / "other.zip", range(2, 11))
    return folder


def options(tmp_path: Path, origin: str) -> dict[str, Any]:
    given = {"origin": origin, "manifest": tmp_path / "manifest.json", "attempts": 1}
    return given | {"timeout": 2.0, "out": tmp_path / "data" / "faces.zip"}


def fetched(tmp_path: Path) -> bool:
    """Whether the archive came whole, and nothing lies beside it."""
    manifest = PhotographManifest.load(tmp_path / "manifest.json")
    target = tmp_path / "data" / "faces.zip"
    return manifest.differences(target) == "" and list(target.parent.iterdir()) == [target]


def test_it_writes_what_it_verified(served: Path, tmp_path: Path) -> None:
    with serving(served) as url:
        assert call(fetch_photographs, **options(tmp_path, f"{url}/faces.zip")) == 0
    assert fetched(tmp_path)


@pytest.mark.parametrize(
    ("server", "file", "message"),
    [
        ({}, "other.zip", "sent other photographs"),
        ({}, "missing.zip", "the server answered 404"),
        ({"sent": 0.5}, "faces.zip", "the connection broke off"),
        ({"sent": 0.5, "announced": False}, "faces.zip", "not a readable zip archive"),
    ],
)
def test_what_goes_wrong_is_one_line_and_the_next_run_repairs_it(
    served: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    server: dict[str, Any],
    file: str,
    message: str,
) -> None:
    with serving(served, **server) as url:
        given = options(tmp_path, f"{url}/{file}")
        assert call(fetch_photographs, **given) == 2
    error = the_error(capsys)
    assert message in error and f"{url}/{file}" in error
    assert "hromi/SMILEsmileD" in error and str(given["out"]) in error
    assert not given["out"].exists()
    with serving(served) as url:
        assert call(fetch_photographs, **options(tmp_path, f"{url}/faces.zip")) == 0
    assert fetched(tmp_path)


def test_without_network_it_says_in_one_line_how_to_get_them(
    served: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    given = options(tmp_path, "http://127.0.0.1:9/faces.zip")
    assert call(fetch_photographs, **given) == 2
    error = the_error(capsys)
    assert "no connection" in error and "hromi/SMILEsmileD" in error and str(given["out"]) in error
    assert list(given["out"].parent.iterdir()) == []


def test_a_file_of_ones_own_that_is_wrong_is_named_and_left(
    served: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    given = options(tmp_path, "http://127.0.0.1:9/faces.zip") | {"out": served / "other.zip"}
    before = given["out"].read_bytes()
    assert call(fetch_photographs, **given) == 2
    assert f"{given['out']}: not the photographs" in the_error(capsys)
    assert given["out"].read_bytes() == before


def the_error(capsys: pytest.CaptureFixture) -> str:
    """The only line on stderr that is no progress bar."""
    lines = [line for line in capsys.readouterr().err.splitlines() if "B/s" not in line]
    (error,) = filter(None, map(str.strip, lines))
    return error
