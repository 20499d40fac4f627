"""Say of a session of the original's format what it leaves out: its model, layer and rank.

    python -m stages.complete_session --session masks/dome2spire.json --model church --layer 8 \
        --rank 1 --out dome2spire.json
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.pipeline.commands import run
from palimpsest.sessions import Session


def main(
    session: Annotated[Path, typer.Option(help="The session as it was published.")],
    model: Annotated[str, typer.Option(help="Name of the generator that it was drawn on.")],
    layer: Annotated[int, typer.Option(help="The layer that it changes.", min=1)],
    out: Annotated[Path, typer.Option(help="The session to write; its name is the file's.")],
    rank: Annotated[int, typer.Option(help="Directions of the change.", min=1)] = 1,
) -> None:
    drawn = Session.load(session)
    more = {"model": model, "name": out.stem, "layer": drawn.layer or layer, "rank": rank}
    drawn.model_copy(update=more).save(out)
    print(f"{out.stem}: {len(drawn.context)} places of context, layer {more['layer']}, rank {rank}")


if __name__ == "__main__":
    run(main)
