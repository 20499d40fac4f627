"""Settings of the edits that Table 3 compares: units silenced, and rank-one rules."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from palimpsest.settings import Count, Rate, SampleSettings, Settings, Smoothness


class OracleSettings(Settings):
    """Settings of the rule that knows the truth (`watermarks.oracle`): ``samples`` that it is
    fitted to, ``steps`` of Adam, and its ``rate``."""

    samples: Count = 400
    steps: Count = 300
    rate: Rate = 0.02


class ErasingSettings(SampleSettings):
    """Settings of the edits that erase marks.

    ``units``: numbers of silenced units, out of 512. ``contexts``: context images, searched among
    ``samples`` samples of ``seed``. ``mu`` and ``iterations``: of the solver `newton`.
    ``statistics_samples``: for the key statistics without the marks. ``oracle``: of the rule that
    knows the truth.
    """

    units: Annotated[tuple[Count, ...], Field(min_length=1)] = (30, 60)
    contexts: Count = 10
    samples: Count = 200
    seed: int = Field(default=1, ge=0, lt=2**32)
    mu: Smoothness = 1.0
    iterations: Count = 30
    statistics_samples: Count = 200
    oracle: OracleSettings = OracleSettings()

    @property
    def edits(self) -> tuple[str, ...]:
        """Names of the edits: one for each number of units, one rule, a rule for each mark, and
        the rule that knows the truth."""
        zeroed = (f"zero_{count}_units" for count in self.units)
        return (*zeroed, "rank_one", "rank_one_each", "oracle_rank_one")
