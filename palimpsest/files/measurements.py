"""Files of measurements: parquet with a row for each image, and facts about all rows.

write_measurements(table, "dome2spire.parquet", {"weights_sha256": "5f0c..."})
table = read_measurements("dome2spire.parquet", needed=("sample", "method"))
measured_facts("dome2spire.parquet")["weights_sha256"]

A file holds the checksum of all its bytes (`checksums`); one without it, as another program writes,
is read as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from palimpsest.errors import PalimpsestError
from palimpsest.files.atomic import atomic_path
from palimpsest.files.checksums import (
    PARQUET_ENTRY,
    Damaged,
    check_parquet,
    parquet_entry,
    write_in_parquet,
)

PREFIX = "palimpsest."


@dataclass(frozen=True)
class Stored:
    """Content of a file of measurements: its ``rows``, and the ``facts`` about all of them."""

    rows: pa.Table
    facts: Mapping[str, str]

    @classmethod
    def read(cls, path: str | PathLike[str], what: str = "the edit") -> Stored:
        """The content of a file of measurements of ``what``.

        Raises `PalimpsestError` for a file that is missing or damaged.
        """
        rows = _read(Path(path), what)
        held = rows.schema.metadata or {}
        facts = {
            name.decode().removeprefix(PREFIX): value.decode()
            for name, value in held.items()
            if name.decode().startswith(PREFIX) and name.decode() != PARQUET_ENTRY
        }
        others = {name: held[name] for name in held if not name.decode().startswith(PREFIX)}
        return cls(rows.replace_schema_metadata(others), facts)

    def write(self, path: str | PathLike[str]) -> None:
        """Write the file atomically."""
        facts = {f"{PREFIX}{name}": value for name, value in self.facts.items()}
        facts |= [parquet_entry()]
        rows = self.rows.replace_schema_metadata({**(self.rows.schema.metadata or {}), **facts})
        with atomic_path(path) as temporary:
            pq.write_table(rows, temporary, write_page_checksum=True)
            write_in_parquet(temporary)


def write_measurements(
    table: pd.DataFrame, path: str | PathLike[str], facts: Mapping[str, str]
) -> None:
    """Write ``table`` as parquet, atomically, with ``facts`` in the file's metadata."""
    Stored(pa.Table.from_pandas(table, preserve_index=False), facts).write(path)


def read_measurements(
    path: str | PathLike[str], needed: Iterable[str], what: str = "the edit"
) -> pd.DataFrame:
    """Rows of a file with measurements of ``what``, which must have the columns ``needed``.

    Raises `PalimpsestError` for a file that is missing, damaged, or lacks a column.
    """
    table = _read(Path(path), what)
    if missing := sorted(set(needed) - set(table.column_names)):
        raise PalimpsestError(f"{path}: has no column {missing[0]}; measure {what} again")
    return table.to_pandas()


def measured_facts(path: str | PathLike[str], what: str = "the edit") -> dict[str, str]:
    """The facts that a file was written with. Raises as `read_measurements`."""
    return dict(Stored.read(path, what).facts)


def _read(path: Path, what: str) -> pa.Table:
    if not path.is_file():
        raise PalimpsestError(f"{path}: no such file; measure {what} first")
    try:
        content = path.read_bytes()
        check_parquet(content)
        return pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
    except Damaged as problem:
        raise PalimpsestError(f"{path}: {problem}; measure {what} again") from None
    except (pa.ArrowException, OSError) as problem:
        raise PalimpsestError(
            f"{path}: damaged, or not a parquet file; measure {what} again"
        ) from problem
