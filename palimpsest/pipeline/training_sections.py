"""The section `worlds` of `params.yaml`: how what ships with the repository is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from palimpsest.settings import Count, Name, Rate, Seed
from palimpsest.settings import Settings as Section


class StageParameters(Section):
    """Training at one resolution for a number of steps; `palimpsest.training.recipe.Stage`."""

    resolution: Literal[4, 8, 16, 32, 64, 128, 256]
    steps: Count
    batch: Count
    rate: Rate | None = None
    class_weights: dict[Name, Annotated[float, Field(gt=0)]] | None = None


class InterchangeParameters(Section):
    """How a rule is made causal by splicing scenes; `palimpsest.training.recipe.Interchange`."""

    layer: int = Field(ge=2, le=18)
    units: Count
    whole: float = Field(ge=0, le=1)
    designated: float = Field(ge=0, le=1)
    flat: float = Field(ge=0, le=1)
    start: Literal[8, 16, 32, 64, 128, 256]


class RecipeParameters(Section):
    """How a mini generator learns its world; `palimpsest.training.recipe.Recipe`."""

    kind: Literal["stylegan2", "progressive"] = "stylegan2"
    interchange: InterchangeParameters | None = None
    channels: dict[Annotated[str, Field(pattern=r"^[0-9]+$")], Count]
    stages: list[StageParameters] = Field(min_length=1)
    class_weights: dict[Name, Annotated[float, Field(gt=0)]]
    style_dim: Count
    mapping_layers: Count
    rate: Rate
    final_rate: Rate
    mapping_rate: Rate
    ema: float = Field(ge=0, lt=1)
    seed: Seed


class OtherRecipeParameters(Section):
    """A further generator of a world; all that is not said here is as the world's own recipe."""

    kind: Literal["stylegan2", "progressive"]
    stages: list[StageParameters] = Field(min_length=1)


class SegmenterParameters(Section):
    """How a network that looks is trained: scenes rendered once, steps on them."""

    resolution: Literal[32, 64, 128, 256]
    scenes: Count
    steps: Count
    seed: Seed


class WorldParameters(Section):
    """One world: how the opt-in rules learn it.

    `train_world` its generator and the ``others`` by name, `train_segmenter` its segmenter,
    `train_classifier` whatever else is told of a picture as a whole.
    """

    recipe: RecipeParameters
    others: dict[Name, OtherRecipeParameters] = Field(default_factory=dict)
    segmenter: SegmenterParameters
    classifiers: dict[Name, SegmenterParameters] = Field(default_factory=dict)

    def recipe_of(self, generator: str) -> RecipeParameters:
        """The recipe of one of ``others``, and the world's own for any other name."""
        if generator not in self.others:
            return self.recipe
        other = self.others[generator]
        said = {"kind": other.kind, "stages": other.stages, "interchange": None}
        return self.recipe.model_copy(update=said)
