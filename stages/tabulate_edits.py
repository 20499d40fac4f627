"""Table of every session's edit: its layer and rank, its losses, its time and size.

    python -m stages.tabulate_edits --edit dome2spire.safetensors --edit add_people.safetensors \
        --out edits.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.experiments.edits.table_of_edits import edits_table
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import TableFile


def main(
    edit: Annotated[list[Path], typer.Option(help="Edit (.safetensors); repeatable.")],
    out: TableFile,
) -> None:
    """Write one row for each edit, in the order given."""
    table = edits_table(edit)
    write_table(table, out)
    print(f"{out}: {len(table)} edits")


if __name__ == "__main__":
    run(main)
