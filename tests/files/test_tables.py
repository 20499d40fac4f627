"""Tables as files: every digit, and nothing that the table does not hold."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from palimpsest.files.tables import write_table


def test_a_table_is_written_unrounded_and_without_row_numbers(tmp_path: Path) -> None:
    table = pd.DataFrame({"edit": ["hat", "tail"], "share": [1 / 3, None]}, index=[7, 9])
    write_table(table, tmp_path / "deep" / "edits.csv")
    text = (tmp_path / "deep" / "edits.csv").read_text()
    assert text == "edit,share\nhat,0.3333333333333333\ntail,\n"
