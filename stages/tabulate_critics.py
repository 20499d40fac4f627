"""Table of the grades that critics carry in their files.

python -m stages.tabulate_critics --critic church-critic.safetensors --out critic_grades.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.experiments.grading.critic_grades import critics_table
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import TableFile


def main(
    critic: Annotated[list[Path], typer.Option(help="Critic (.safetensors); repeatable.")],
    out: TableFile,
) -> None:
    """Write one row for each critic, rule and kind of spoilt image."""
    table = critics_table(critic)
    write_table(table, out)
    print(f"{out}: {len(critic)} critics")


if __name__ == "__main__":
    run(main)
