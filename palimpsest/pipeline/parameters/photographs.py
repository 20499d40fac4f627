"""The section `photographs`: how generators of photographs and their instruments are trained."""

from __future__ import annotations

from palimpsest.experiments.grading.settings import PhotographGrading
from palimpsest.photographs.settings import (
    AdaptationSettings,
    EncoderRecipe,
    FramingRecipe,
    InversionSettings,
)
from palimpsest.settings import LayerNumber, Settings
from palimpsest.training.adversarial_recipe import AdversarialRecipe
from palimpsest.training.instrument_recipes import PhotographInstruments


class PhotographParameters(Settings):
    """One generator of photographs.

    ``archive``: zip file of the photographs, which are not part of the repository. ``weights``,
    ``segmenter``: files with which photographs are inverted. ``recipe``: the adversarial training
    run. ``instruments``: how its instruments are trained. ``encoder``, ``framing``: how the
    networks that bring a photograph into it are trained. ``inversion``, ``adaptation``: how a
    photograph is reproduced. ``above``: weights above this layer are adapted. ``reference``,
    ``grading``: statistics of the held-out photographs, and how samples are compared with them.
    """

    archive: str
    weights: str
    segmenter: str
    reference: str
    recipe: AdversarialRecipe
    instruments: PhotographInstruments
    encoder: EncoderRecipe = EncoderRecipe()
    framing: FramingRecipe = FramingRecipe()
    inversion: InversionSettings = InversionSettings()
    adaptation: AdaptationSettings = AdaptationSettings()
    above: LayerNumber = 6
    grading: PhotographGrading = PhotographGrading()
