"""Complete a session of the original's format by its model, layer, rank and judged classes.

    python -m stages.complete_session --session masks/dome2spire.json --model church --layer 8 \
        --rank 1 --out dome2spire.json

A published session that has a counterpart among the drawn ones of its model, by name, is judged as
that one is (``source``, ``targets``, ``adds`` and ``least``; docs/sessions.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.drawing.draw import drawings_of
from palimpsest.pipeline.commands import run
from palimpsest.sessions import Session


def main(
    session: Annotated[Path, typer.Option(help="The session file as it was published.")],
    model: Annotated[str, typer.Option(help="Name of the generator that it was drawn on.")],
    layer: Annotated[int, typer.Option(help="Layer to change, if the file names none.", min=1)],
    out: Annotated[Path, typer.Option(help="Session to write; its name is the file's.")],
    rank: Annotated[int, typer.Option(help="Number of directions of the change.", min=1)] = 1,
) -> None:
    """Write the session with its model, name, layer, rank and judged classes."""
    drawn = Session.load(session)
    more = {"model": model, "name": out.stem, "layer": drawn.layer or layer, "rank": rank}
    alike = drawings_of(model).get(out.stem)
    if alike is not None and drawn.source is None:
        more |= {name: getattr(alike, name) for name in ("source", "targets", "adds", "least")}
    drawn.model_copy(update=more).save(out)
    print(f"{out.stem}: {len(drawn.context)} places of context, layer {more['layer']}, rank {rank}")


if __name__ == "__main__":
    run(main)
