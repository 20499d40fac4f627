"""Settings of the search for the best exemplars and smoothness (`choose`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from palimpsest.settings import Count, Rank, Seed, Settings, Smoothness


def _several(value: object) -> object:
    """The classes as a list, also if one class is given as text."""
    return (value,) if isinstance(value, str) else value


SEARCH = 2
"""Raised when the search comes to other edits: what is kept of an earlier one does not count."""

Strength = Annotated[float, Field(gt=0)]
Classes = Annotated[tuple[str, ...], BeforeValidator(_several)]


class PalimpsestParameters(Settings):
    """Settings of the candidates and of their scores.

    ``candidate_exemplars``: how many of the session's exemplars are tried; ``exemplars``: largest
    number of exemplars in the edit. ``tuning_samples``, ``tuning_seed``: generated images that
    candidates are judged on; they must not be those that are measured. ``mu_grid``: smoothness
    tried. ``iterations``: steps of the solver. ``statistics_samples``: images for the statistics
    without the cells that should change. ``keeps_targets``: whether cells that show a target
    already should stay as they are; if not, they count among those that may change.
    ``target_weight``: how much more cells that show a target already count in these statistics, so
    that the edit spares them: 1 gives them together the weight of all other cells; needs labels.
    ``hard_cells_weight``: how much more the cells count, on the same scale, that should stay and
    that the best candidate changes by more than the mean (`hard_cells`); it is then solved anew. 0
    leaves this out.
    ``perceptual_weight``: points that a candidate loses for each hundredth of perceptual distance
    outside the source, if labels judge it; it gains one for each hundredth that is converted.
    ``critic_weight``: points that it loses for each hundredth by which a critic finds its images
    less natural where they are to change, and the same elsewhere, if the segmenter has a critic;
    at 1 small clear changes lose to hardly any.
    ``refining_steps``: of each descent in images at the end (`refining`), 0 for none;
    ``refining_strengths``: factors of its result, each of which is scored; if the session adds
    things, those up to 1.2, or 1 if there are none;
    ``refining_samples``: the other images that it compares with, of the statistics' seed;
    ``place_weight``: how much more the pixels of a pasted thing count than those around it;
    ``others_weight``: how much the other images count against the exemplars.
    """

    candidate_exemplars: Count = 12
    exemplars: Count = 6
    tuning_samples: Count = 64
    tuning_seed: Seed = 2
    mu_grid: Annotated[tuple[Smoothness, ...], Field(min_length=1)] = (0.3, 1.0, 3.0)
    iterations: Count = 40
    statistics_samples: Count = 400
    keeps_targets: bool = True
    target_weight: Annotated[float, Field(ge=0)] = 0.0
    hard_cells_weight: Annotated[float, Field(ge=0)] = 1.0
    perceptual_weight: Annotated[float, Field(ge=0)] = 1.0
    critic_weight: Annotated[float, Field(ge=0)] = 0.2
    refining_steps: Annotated[int, Field(ge=0)] = 80
    refining_strengths: Annotated[tuple[Strength, ...], Field(min_length=1)] = (1.0, 1.2, 1.4)
    refining_samples: Count = 64
    place_weight: Annotated[float, Field(ge=0)] = 10.0
    others_weight: Annotated[float, Field(ge=0)] = 3.0

    @model_validator(mode="after")
    def _enough_candidates(self) -> PalimpsestParameters:
        if "exemplars" in self.model_fields_set and self.exemplars > self.candidate_exemplars:
            raise ValueError(
                f"exemplars is {self.exemplars}, more than candidate_exemplars "
                f"({self.candidate_exemplars}); make it at most that"
            )
        return self


class PalimpsestSettings(PalimpsestParameters):
    """``source``, ``targets``: classes that disappear and appear; None takes those that the session
    names, or else those that its masks show. ``rank``: number of directions; the session's own if
    None."""

    source: Classes | None = None
    targets: Classes | None = None
    rank: Rank | None = None
