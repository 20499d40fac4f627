"""The section `photographs`: how generators of photographs are trained."""

from __future__ import annotations

from palimpsest.settings import Settings
from palimpsest.training.adversarial_recipe import AdversarialRecipe


class PhotographParameters(Settings):
    """One generator of photographs.

    ``archive``: zip file of the photographs, which are not part of the repository. ``recipe``: the
    adversarial training run.
    """

    archive: str
    recipe: AdversarialRecipe
