"""The section `photographs`: how generators of photographs and their instruments are trained."""

from __future__ import annotations

from palimpsest.settings import Settings
from palimpsest.training.adversarial_recipe import AdversarialRecipe
from palimpsest.training.instrument_recipes import PhotographInstruments


class PhotographParameters(Settings):
    """One generator of photographs.

    ``archive``: zip file of the photographs, which are not part of the repository. ``recipe``: the
    adversarial training run. ``instruments``: how its instruments are trained.
    """

    archive: str
    recipe: AdversarialRecipe
    instruments: PhotographInstruments
