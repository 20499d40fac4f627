"""Settings of the edits that Table 3 compares: units silenced, and rank-one rules."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from palimpsest.settings import Count, SampleSettings, Smoothness


class ErasingSettings(SampleSettings):
    """Settings of the edits that erase marks.

    ``units``: numbers of silenced units, out of 512. ``contexts``: context images, searched among
    ``samples`` samples of ``seed``. ``mu`` and ``iterations``: of the solver `newton`.
    ``statistics_samples``: for the key statistics without the marks.
    """

    units: Annotated[tuple[Count, ...], Field(min_length=1)] = (30, 60)
    contexts: Count = 10
    samples: Count = 200
    seed: int = Field(default=1, ge=0, lt=2**32)
    mu: Smoothness = 1.0
    iterations: Count = 30
    statistics_samples: Count = 200

    @property
    def edits(self) -> tuple[str, ...]:
        """Names of the edits: one for each number of units, one rule, and a rule for each mark."""
        return (*(f"zero_{count}_units" for count in self.units), "rank_one", "rank_one_each")
