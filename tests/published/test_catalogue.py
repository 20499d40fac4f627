"""The table of published files: complete, in step with its page, and true to the key lists."""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path

import pytest
import yaml

from palimpsest.errors import DownloadError
from palimpsest.published.catalogue import (
    PUBLISHED_FILES,
    get_published_file,
    published_files_table,
)
from palimpsest.published.paper_generators import PUBLISHED

ROOT = Path(__file__).parents[2]
KEY_LISTS = ROOT / "tests" / "checkpoint-keys"


def test_the_page_holds_the_table() -> None:
    assert published_files_table() in (ROOT / "docs" / "published-files.md").read_text()


def test_what_the_scale_paper_reads_is_in_the_table() -> None:
    read = yaml.safe_load((ROOT / "workflow/scales/paper.yaml").read_text())
    files = set(read["instruments"].values())
    for model in filter(None, read["models"].values()):  # null: left out
        files |= {model["weights"], *model.get("classifiers", [])}
        files |= set(model.get("fetched_sessions", {}).values())
    files.add(read["reflections"]["painted"])
    names = {file.removeprefix("data/weights/paper/") for file in files}
    assert names <= set(PUBLISHED_FILES) and set(PUBLISHED) <= set(PUBLISHED_FILES)


def test_a_hash_in_a_name_is_the_hash_in_the_table() -> None:
    told = {name: file.sha256_prefix for name, file in PUBLISHED_FILES.items()}
    assert told["face-parsing-02dd3f6f.pth"] == "02dd3f6f"
    assert told["weights-inception-2015-12-05-6726825d.pth"] == "6726825d"
    for name, prefix in told.items():
        assert prefix is None or f"-{prefix}." in name


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        (
            "stylegan2_church-e8ca9fd0.pt",
            "stylegan2_church_horse_kitchen_bedroom_cat_places_256.g_ema",
        ),
        ("stylegan2_car-3659b4b6.pt", "stylegan2_car_512.g_ema"),
        ("stylegan2_faces-2858cc2e.pt", "stylegan2_faces_1024.g_ema"),
        ("proggan_kitchen-67f1e16c.pth", "proggan_lsun_256"),
        ("proggan_celebhq-620d161c.pth", "proggan_celebhq_1024"),
        ("upp-resnet50-upernet/encoder_epoch_40.pth", "upp_resnet50_encoder_epoch_40"),
        ("face-parsing-02dd3f6f.pth", "face_parsing_bisenet"),
    ],
)
def test_sizes_are_those_of_the_tensors(name: str, keys: str) -> None:
    numbers = 0
    for line in (KEY_LISTS / f"{keys}.txt").read_text().splitlines():
        _, shape, dtype = line.split("\t")
        numbers += math.prod(ast.literal_eval(shape)) * (8 if "int64" in dtype else 4)
    assert get_published_file(name).megabytes == round(numbers / 1e6)


def test_an_unknown_name_is_told_what_there_is() -> None:
    with pytest.raises(DownloadError, match="dog.pt: not a published file; there are stylegan2_"):
        get_published_file("dog.pt")


SESSIONS = ROOT / "docs" / "original-sessions.md"
SHIPPED = ROOT.parent / "shared" / "cases" / "original-sessions"


def listed_sessions() -> dict[str, str]:
    """What the page says of each of the original's session files, by its path there."""
    found, folder = {}, ""
    for line in SESSIONS.read_text().split("## All files")[1].splitlines():
        if line.startswith("**"):
            folder = line.split("**")[1]
        elif ".json |" in line:
            file, _, rest = line.removeprefix("| ").partition(" | ")
            found[f"{folder}/{file}"] = rest
    return found


def test_the_page_lists_all_sessions_of_the_original() -> None:
    listed = listed_sessions()
    assert len(listed) == 78
    known = [line for line in listed.values() if "not at hand" not in line]
    assert len(known) == 34
    shipped = "notebooks/masks/"
    fetched = [file.url for file in PUBLISHED_FILES.values() if shipped in file.url]
    assert fetched
    for url in fetched:
        assert not listed[url.partition(shipped)[2]].endswith("| no |"), url


@pytest.mark.skipif(not SHIPPED.is_dir(), reason="the original's sessions are not here")
def test_the_page_says_what_the_sessions_hold() -> None:
    listed = listed_sessions()
    files = list(SHIPPED.rglob("*.json"))
    assert len(files) == 34
    for file in files:
        drawn, told = json.loads(file.read_text()), listed[file.relative_to(SHIPPED).as_posix()]
        if "key" in drawn:
            assert f"{len(drawn['key'])} place" in told
        for field, words in (("object", "copied from"), ("paste", "pasted on")):
            assert (f"{words} {drawn[field][0]}" in told) if field in drawn else words not in told
