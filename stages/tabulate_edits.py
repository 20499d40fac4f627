"""Put every session's edit into one table: what it is, what it reached, what it cost.

    python -m stages.tabulate_edits --edit dome2spire.safetensors --edit add_people.safetensors \
        --out edits.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.experiments.edits.table import edits_table
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import run


def main(
    edit: Annotated[list[Path], typer.Option(help="An edit (.safetensors).")],
    out: Annotated[Path, typer.Option(help="Table to write (.csv).")],
) -> None:
    table = edits_table(edit)
    write_table(table, out)
    print(f"{out}: {len(table)} edits")


if __name__ == "__main__":
    run(main)
