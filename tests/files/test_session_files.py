"""The one rule for names of session files, and what is told of files that do not follow it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from palimpsest.errors import SessionError
from palimpsest.files.atomic import atomic_path
from palimpsest.files.session_files import (
    RULE,
    check_session_name,
    left_out_line,
    session_files,
    session_name,
)

GOOD = ["dome2tree", "dome2tree.v2", "Dome2Tree", "7", "a-b_c.d", "x" * 100]
BAD = ["dome2tree (1)", "küche", "", ".hidden", "-x", "_x", "a b", "a/b", "a\nb", "x" * 101, "a@b"]


@pytest.mark.parametrize("name", GOOD)
def test_a_name_that_follows_the_rule_is_that_of_the_session(name: str) -> None:
    assert session_name(Path("sessions") / f"{name}.json") == name
    check_session_name(f"{name}.json")


@pytest.mark.parametrize("name", [name for name in BAD if "/" not in name])
def test_another_name_is_refused_in_one_line_with_the_rule(name: str) -> None:
    assert session_name(f"{name}.json") is None
    with pytest.raises(SessionError) as refused:
        check_session_name(Path("sessions") / f"{name}.json")
    assert RULE in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("file", ["dome.JSON", "dome.Json", "dome", "dome.json.txt", "json"])
def test_a_session_file_ends_in_json(file: str) -> None:
    assert session_name(file) is None


def test_what_follows_the_rule_is_used_and_the_rest_is_named(tmp_path: Path) -> None:
    for name in ("dome2tree", "dome2tree.v2", "dome2tree (1)", "küche", ""):
        (tmp_path / f"{name}.json").write_text("{}")
    (tmp_path / ".dome2tree.json").write_text("{}")
    (tmp_path / "CAPITALS.JSON").write_text("{}")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "broken.json").symlink_to(tmp_path / "nothing")
    (tmp_path / "README.md").write_text("not meant to be a session")
    found = session_files(tmp_path)
    assert found.files == {
        name: tmp_path / f"{name}.json" for name in ("dome2tree", "dome2tree.v2")
    }
    assert {path.name for path in found.left_out} == {
        "dome2tree (1).json",
        "küche.json",
        ".json",
        ".dome2tree.json",
        "CAPITALS.JSON",
        "folder.json",
        "broken.json",
    }
    line = left_out_line(found.left_out)
    assert "\n" not in line and RULE in line
    assert all(path.as_posix() in line for path in found.left_out)
    assert "README.md" not in line and "v2" not in line


def test_names_that_differ_by_case_are_two_names(tmp_path: Path) -> None:
    (tmp_path / "dome.json").write_text("{}")
    (tmp_path / "Dome.json").write_text("{}")
    files = [path.name for path in tmp_path.iterdir()]
    if len(files) == 1:
        pytest.skip("this disk does not tell capitals apart")
    assert set(session_files(tmp_path).files) == {"dome", "Dome"}


def test_a_file_that_is_being_written_is_not_told_of(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "dome.json") as unfinished:
        unfinished.write_text("{")
        assert len(os.listdir(tmp_path)) == 1
        assert session_files(tmp_path) == session_files(tmp_path / "no such folder")
    assert set(session_files(tmp_path).files) == {"dome"}


def test_a_name_with_a_line_break_is_still_told_in_one_line(tmp_path: Path) -> None:
    line = left_out_line([tmp_path / "a\nb.json"])
    assert "\n" not in line and re.search(r"a\\nb\.json", line)
    assert left_out_line([]) == ""
