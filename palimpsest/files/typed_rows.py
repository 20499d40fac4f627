"""CSV files that people type or edit: every row is checked by a pydantic model.

    class Answer(TypedRow):
        pair: str
        milliseconds: Annotated[float, Field(ge=0)]

    for place, answer in read_typed_rows("ann.csv", Answer, remedy="ask for the file again"):
        ...         # place: "ann.csv, row 2", as a spreadsheet numbers the rows

Spaces around a cell are ignored, and so are empty rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from palimpsest.errors import PalimpsestError

Text = Annotated[str, Field(min_length=1)]
"""A cell that may not be blank."""

BlankIsNone = BeforeValidator(lambda cell: None if cell == "" else cell)
"""For a cell that may be blank: ``Annotated[Annotated[float, ...] | None, BlankIsNone]``."""


class TypedRow(BaseModel):
    """Base of the rows. Columns without a field are ignored, unless a model forbids extra ones."""

    model_config = ConfigDict(frozen=True, extra="ignore")


R = TypeVar("R", bound=TypedRow)


def read_typed_rows(
    path: str | Path,
    model: type[R],
    remedy: str,
    error: type[PalimpsestError] = PalimpsestError,
) -> Iterator[tuple[str, R]]:
    """("file, row 2", the row) for each row of a CSV with a header.

    Args:
        remedy: what to do about a file that is empty or not CSV, for the message.
        error: the class of the errors.

    Raises:
        error: naming file and row: the file is missing, empty or not CSV, it lacks a column, or a
            cell is blank or not what its column holds.
    """
    lines = _lines(Path(path), remedy, error)
    if not lines:
        raise error(f"{path}: is empty; {remedy}")
    header = [cell.strip() for cell in lines[0]]
    _check_header(f"{path}, row 1", header, model, error)
    rows = [(f"{path}, row {n}", cells) for n, cells in enumerate(lines[1:], 2) if any(cells)]
    if not rows:
        raise error(f"{path}: is empty; {remedy}")
    for place, cells in rows:
        if len(cells) != len(header):
            raise error(f"{place}: has {len(cells)} cells under {len(header)} columns")
        named = zip(header, cells, strict=True)
        try:
            yield place, model.model_validate({name: cell.strip() for name, cell in named})
        except ValidationError as problem:
            raise error(f"{place}: {_in_words(problem)}") from None


def _lines(path: Path, remedy: str, error: type[PalimpsestError]) -> list[list[str]]:
    if not path.is_file():
        raise error(f"{path}: no such file")
    try:
        text = path.read_bytes().decode("utf-8-sig")  # spreadsheets put a byte order mark in front
        return list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as problem:
        raise error(f"{path}: is not a CSV file ({problem}); {remedy}") from problem


def _check_header(
    place: str, header: list[str], model: type[TypedRow], error: type[PalimpsestError]
) -> None:
    columns = list(model.model_fields)
    wanted = f"the columns are {', '.join(columns)}"
    if missing := [name for name in columns if name not in header]:
        raise error(f"{place}: has no column {missing[0]}; {wanted}")
    unknown = [name for name in header if name not in columns]
    if unknown and model.model_config.get("extra") == "forbid":
        raise error(f"{place}: unknown column {unknown[0]!r}; {wanted}")


def _in_words(problem: ValidationError) -> str:
    """The first thing that is wrong with a row."""
    first = problem.errors(include_url=False)[0]
    column, cell = ".".join(str(part) for part in first["loc"][:1]), first["input"]
    if cell == "":
        return f"{column} is blank"
    reason = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{column} is {cell!r}; it {reason}"
