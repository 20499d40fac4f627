"""Settings of section 5.3: inverting the rule of the reflections, and testing for the rule."""

from __future__ import annotations

from pydantic import Field

from palimpsest.settings import Count, LayerNumber, Name, Rank, Rate, SampleSettings, Seed, Settings


class InversionSettings(Settings):
    """Settings of the inversion (`memory.inversion`), and of the pairs of images that it is tuned
    on.

    The ``units`` units of the class ``units_of`` are switched at ``switched_layer``. ``pairs``
    pairs, on and off, exchange their values at ``goal_layer``; each step uses ``pairs_a_step`` of
    them. ``seed``: of the pairs; the next three seeds find the units. ``iterations`` and ``rate``:
    of a whole layer; ``rank``, ``rank_iterations`` and ``rank_rate``: of the low-rank edit.
    """

    units_of: Name
    switched_layer: LayerNumber
    units: Count
    goal_layer: LayerNumber
    pairs: Count
    pairs_a_step: Count
    seed: Seed
    iterations: Count
    rate: Rate
    rank: Rank
    rank_iterations: Count
    rank_rate: Rate


class PaintedSwitchSettings(Settings):
    """Settings of the switch for painted windows (`dissection.painted_switches`).

    ``dissected``: samples that find the units. ``on_level`` and ``off_level``: the features' values
    with the window on and off.
    """

    dissected: Count
    on_level: float = Field(ge=-1000, le=1000)
    off_level: float = Field(ge=-1000, le=1000)


class PaintedInversionSettings(InversionSettings, PaintedSwitchSettings):
    """Settings of an inversion on painted scenes."""


class RuleGradeSettings(SampleSettings):
    """Settings of `causal_rule.grade_rule`, which tests whether a generator has a rule.

    ``units`` units of the class ``units_of``, found on ``dissected`` samples, are switched on at
    ``layer``. ``samples`` and ``seed``: the scenes that are measured.
    """

    units_of: Name
    layer: LayerNumber
    units: Count
    dissected: Count
