"""Settings of the sweep: the ranks, numbers of exemplars and smoothness values to try."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from palimpsest.settings import Count, Rank, Settings, Smoothness, check_distinct


class SweepSettings(Settings):
    """The grid of `sweep.sweep`: ``ranks`` with one exemplar, ``exemplars`` at rank one.

    Each is solved at every μ of ``mus``, in ``iterations`` steps. Rank one with one exemplar is
    always included: every session has it, and the other settings are compared with it.
    """

    ranks: Annotated[tuple[Rank, ...], Field(min_length=1)]
    exemplars: Annotated[tuple[Count, ...], Field(min_length=1)]
    mus: Annotated[tuple[Smoothness, ...], Field(min_length=1)]
    iterations: Count = 40

    @model_validator(mode="after")
    def _distinct(self) -> SweepSettings:
        check_distinct(self, "ranks", "exemplars", "mus")
        return self

    @property
    def sets(self) -> tuple[tuple[int, int], ...]:
        """(rank, exemplars) of every edit, without its μ; the ranks come first."""
        ranks = [(rank, 1) for rank in (1, *self.ranks)]
        return tuple(dict.fromkeys([*ranks, *((1, count) for count in self.exemplars)]))

    @property
    def edits(self) -> int:
        """Number of edits in the grid."""
        return len(self.sets) * len(self.mus)
