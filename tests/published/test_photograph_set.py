"""The photographs arrive verified by their content, from any server and in either layout."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from palimpsest.errors import DownloadError, ParameterError
from palimpsest.files.download import Patience
from palimpsest.published.photograph_set import ADDRESS, PhotographManifest, obtain_photographs
from palimpsest.training.photographs import Photographs
from tests.doubles.drawn_photographs import REPOSITORY, drawn_archive
from tests.doubles.local_server import serving

SHARED = Path(__file__).parents[3] / "shared" / "photographs" / "faces.zip"
HASTE = Patience(attempts=1, pause=0.01, timeout=0.5)
NUMBERS = range(1, 18)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "served"
    folder.mkdir()
    with serving(folder) as url:
        yield folder, url


@pytest.fixture
def manifest(tmp_path: Path) -> PhotographManifest:
    return PhotographManifest.of(drawn_archive(tmp_path / "known.zip", NUMBERS))


obtain = partial(obtain_photographs, patience=HASTE, progress=False)


def test_the_repositorys_own_archive_is_fetched_and_read(served, manifest, tmp_path) -> None:
    folder, url = served
    drawn_archive(folder / "repository.zip", reversed(NUMBERS), REPOSITORY)
    target = tmp_path / "data" / "faces.zip"
    obtain(target, manifest, origin=f"{url}/repository.zip")
    assert Photographs.read(target).held_out.names == (
        "not_smiling/8",
        "not_smiling/16",
        "smiling/8",
        "smiling/16",
    )
    assert [file.name for file in target.parent.iterdir()] == ["faces.zip"]


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        (range(1, 16), "30 photographs instead of 34, 2 held-out photographs missing"),
        ([*range(1, 17), 18], "photographs to train on differ"),
    ],
)
def test_other_photographs_are_refused_and_not_kept(
    served, manifest, tmp_path, numbers, reason
) -> None:
    folder, url = served
    drawn_archive(folder / "other.zip", numbers)
    target = tmp_path / "data" / "faces.zip"
    with pytest.raises(DownloadError, match=f"sent other photographs .{reason}"):
        obtain(target, manifest, origin=f"{url}/other.zip")
    assert list(target.parent.iterdir()) == []


def test_a_changed_held_out_photograph_is_named(manifest, tmp_path) -> None:
    changed = drawn_archive(
        tmp_path / "changed.zip", NUMBERS, {"smiling": "not_smiling", "not_smiling": "smiling"}
    )
    with pytest.raises(DownloadError, match="4 held-out photographs differ, such as not_smiling/8"):
        obtain(changed, manifest)
    assert changed.exists()  # it may be the user's


def test_an_archive_that_is_there_is_verified_without_network(manifest, tmp_path) -> None:
    there = drawn_archive(tmp_path / "there.zip", NUMBERS, REPOSITORY)
    before = there.read_bytes()
    obtain(there, manifest, origin="http://127.0.0.1:9/nothing.zip")
    assert there.read_bytes() == before


def test_what_is_no_manifest_is_refused(tmp_path) -> None:
    (tmp_path / "manifest.json").write_text('{"count": 3}')
    with pytest.raises(ParameterError, match="not a manifest of photographs"):
        PhotographManifest.load(tmp_path / "manifest.json")


def test_the_shipped_manifest_is_of_the_whole_set() -> None:
    shipped = PhotographManifest.shipped()
    assert (shipped.count, len(shipped.held_out)) == (13_165, 1_647)
    assert ADDRESS.startswith("https://codeload.github.com/hromi/SMILEsmileD/zip/")


@pytest.mark.skipif(not SHARED.is_file(), reason=f"{SHARED} is not there")
def test_the_set_fits_its_manifest() -> None:
    assert PhotographManifest.shipped().differences(SHARED) == ""
