"""The table of edits against the files that it was made from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from palimpsest.errors import EditError
from palimpsest.experiments.edits.table_of_edits import edits_table
from palimpsest.memory import Edit


def test_a_row_holds_what_the_edit_file_holds(sources):
    table = edits_table(sources.edits.values())
    assert list(table.columns) == [
        "model",
        "session",
        "layer",
        "rank",
        "method",
        "solver",
        "loss_before",
        "loss_after",
        "change_elsewhere",
        "critic_drop",
        "seconds",
        "bytes",
    ]
    assert list(table["rank"]) == [1, 2, 3]
    assert set(table["solver"]) == {"newton"} and set(table["layer"]) == {6}
    assert list(table["session"]) == ["first", "second", "third"]
    for path, row in zip(sources.edits.values(), table.itertuples(), strict=True):
        told = Edit.load(path).metadata
        assert row.loss_after == float(told["loss_after"]) < row.loss_before
        assert row.change_elsewhere == float(told["relative_change"])
        assert row.bytes == path.stat().st_size


def test_what_a_critic_saw_in_the_search_is_told(sources, tmp_path):
    edit = Edit.load(next(iter(sources.edits.values())))
    seen = replace(edit, metadata={**edit.metadata, "critic_drop": "0.01250"})
    seen.save(tmp_path / "seen.safetensors")
    table = edits_table([*sources.edits.values(), tmp_path / "seen.safetensors"])
    assert table["critic_drop"].iloc[:-1].isna().all() and table["critic_drop"].iloc[-1] == 0.0125


def test_a_file_that_is_not_an_edit_is_refused(tmp_path):
    (tmp_path / "no.safetensors").write_bytes(b"no")
    with pytest.raises(EditError, match="no.safetensors"):
        edits_table([tmp_path / "no.safetensors"])
