"""Rows that people type: read by a model, and an invalid one is named as a spreadsheet would."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import ConfigDict, Field

from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.files.typed_rows import BlankIsNone, Text, TypedRow, read_typed_rows


class Spot(TypedRow):
    name: Text
    size: Annotated[Annotated[int, Field(ge=1)] | None, BlankIsNone]


class OnlySpots(Spot):
    model_config = ConfigDict(extra="forbid")


def read(path: Path, text: str, model: type[Spot] = Spot) -> list[tuple[str, Spot]]:
    path.write_text(text)
    return list(read_typed_rows(path, model, "type it again", ParameterError))


def test_rows_are_read_as_the_model_says(tmp_path: Path) -> None:
    path = tmp_path / "spots.csv"
    rows = read(path, "\ufeffsize, name,note\r\n 3 , red ,x\r\n,,\r\n,blue,\r\n")
    assert rows == [
        (f"{path}, row 2", Spot(name="red", size=3)),
        (f"{path}, row 4", Spot(name="blue", size=None)),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,size\nred,0\n", "row 2: size is '0'; it should be greater than or equal to 1"),
        ("name,size\nred,3\n,4\n", "row 3: name is blank"),
        ("name,size\nred\n", "row 2: has 1 cells under 2 columns"),
        ("name\nred\n", "row 1: has no column size; the columns are name, size"),
        ("name,size,note\nred,1,x\n", "row 1: unknown column 'note'"),
        ("name,size\n", "is empty; type it again"),
        ("", "is empty; type it again"),
        ('name,size\n"red', "is not a CSV file"),
    ],
)
def test_an_invalid_file_is_named_by_its_row(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        read(tmp_path / "spots.csv", text, OnlySpots)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PalimpsestError, match="spots.csv: no such file"):
        list(read_typed_rows(tmp_path / "spots.csv", Spot, "type it again"))
