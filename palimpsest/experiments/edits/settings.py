"""Settings of the moving picture of a rule."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from palimpsest.settings import Count, SampleSettings


class WalkSettings(SampleSettings):
    """A walk through z (`edits.walk`).

    ``stops``: samples visited, those of ``samples`` of the ``seed`` that match the edit best.
    ``between``: frames from a stop to the next, each shown for ``milliseconds``.
    """

    samples: Count = 1000
    seed: int = Field(default=3, ge=0, lt=2**32)
    stops: Annotated[int, Field(ge=2, le=24)] = 6
    between: Annotated[int, Field(ge=2, le=60)] = 14
    milliseconds: Annotated[int, Field(ge=20, le=1000)] = 90

    def caption(self, layer: int, rank: int) -> str:
        """What the moving picture shows, for an edit of ``layer`` at ``rank``."""
        return (
            "A walk through z without the edit (left) and with it (right), a change of rank "
            f"{rank} in layer {layer}. The walk visits the {self.stops} of {self.samples} samples "
            f"(seed {self.seed}) that match the edit’s direction best, and returns to its start; "
            "no frame was chosen by hand."
        )
