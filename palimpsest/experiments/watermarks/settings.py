"""Settings of the edits that Table 3 compares: units silenced, and rank-one rules."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from palimpsest.settings import Count, Rate, SampleSettings, Settings, Smoothness


class DescentSettings(Settings):
    """Settings of a descent in images (`watermarks.descent`): ``steps`` of Adam, its first
    ``rate``, and ``batch``, how many samples of each kind a step sees."""

    steps: Count = 300
    rate: Rate = 0.02
    batch: Count = 8


class OracleSettings(DescentSettings):
    """Settings of the rule that knows the truth (`watermarks.oracle`), which is fitted to
    ``samples``."""

    samples: Count = 400


class ImagesSettings(DescentSettings):
    """Settings of the rule that images decide (`watermarks.by_images`): its ``contexts`` and the
    ``unmarked`` samples, both among the samples that are searched; ``place_weight``: how much more
    the pixels of a mark count than those around it. With fewer marked samples than ``contexts``
    there is no such rule, which is an error."""

    contexts: Count = 30
    unmarked: Count = 100
    steps: Count = 200
    rate: Rate = 0.03
    batch: Count = 4
    place_weight: Annotated[float, Field(ge=0)] = 1.0


class ErasingSettings(SampleSettings):
    """Settings of the edits that erase marks.

    ``units``: numbers of silenced units, out of 512. ``contexts``: context images, searched among
    ``samples`` samples of ``seed``. ``mu`` and ``iterations``: of the solver `newton`.
    ``statistics_samples``: for the key statistics without the marks. ``images``: of the rule that
    images decide. ``oracle``: of the rule that knows the truth.
    """

    units: Annotated[tuple[Count, ...], Field(min_length=1)] = (30, 60)
    contexts: Count = 10
    samples: Count = 200
    seed: int = Field(default=1, ge=0, lt=2**32)
    mu: Smoothness = 1.0
    iterations: Count = 30
    statistics_samples: Count = 200
    images: ImagesSettings = ImagesSettings()
    oracle: OracleSettings = OracleSettings()

    @property
    def edits(self) -> tuple[str, ...]:
        """Names of the edits: one for each number of units, one rule, one that images decide, a
        rule for each mark, and the rule that knows the truth."""
        zeroed = (f"zero_{count}_units" for count in self.units)
        return (*zeroed, "rank_one", "rank_one_images", "rank_one_each", "oracle_rank_one")


class SessionErasing(Settings):
    """Settings of the edits that erase what a session painted, as in the paper's code.

    ``units``: numbers of silenced units, out of 512. A rank-one rule is made for each; that of the
    first is called ``rank_one``. ``repeats``: descents, one from what the other made.
    ``iterations``, ``learning_rate``: of `projected_gradient`.
    """

    units: Annotated[tuple[Count, ...], Field(min_length=1)] = (60, 30)
    repeats: Count = 2
    iterations: Count = 2001
    learning_rate: Rate = 0.05

    @property
    def rules(self) -> dict[str, int]:
        """Names of the rank-one rules, and the units that are silent in their goals."""
        first, *others = self.units
        return {"rank_one": first} | {f"rank_one_{count}_units": count for count in others}

    @property
    def edits(self) -> tuple[str, ...]:
        """Names of the edits, in the order of the table."""
        return (*(f"zero_{count}_units" for count in sorted(self.units)), *self.rules)
