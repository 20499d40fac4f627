"""The section `worlds`: how the networks that ship with the repository are trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from palimpsest.settings import Name, Settings
from palimpsest.training.instrument_recipes import (
    ClassifierRecipe,
    CriticRecipe,
    SegmenterRecipe,
)
from palimpsest.training.recipe import Finish, Recipe, Stage


class OtherRecipeParameters(Settings):
    """A further generator of a world; its other settings are those of the world's recipe.

    It has no interchange training, and no finish but that of ``finish``.
    """

    kind: Literal["stylegan2", "progressive"]
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    finish: Finish | None = None


class WorldParameters(Settings):
    """Networks that the opt-in training rules train for one world.

    ``recipe``: the world's generator. ``others``: further generators, by name. ``segmenter``: its
    segmenter. ``critic``: the critic of the world's generator. ``classifiers``: classifiers, by the
    attribute that they recognise.
    """

    recipe: Recipe
    others: dict[Name, OtherRecipeParameters] = Field(default_factory=dict)
    segmenter: SegmenterRecipe
    critic: CriticRecipe = CriticRecipe()
    classifiers: dict[Name, ClassifierRecipe] = Field(default_factory=dict)

    def recipe_of(self, generator: str) -> Recipe:
        """The recipe of one of ``others``; the world's own recipe for any other name."""
        if generator not in self.others:
            return self.recipe
        other = self.others[generator]
        changes = {"kind": other.kind, "stages": other.stages, "finish": other.finish}
        return self.recipe.model_copy(update={**changes, "interchange": None})
