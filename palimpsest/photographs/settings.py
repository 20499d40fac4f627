"""How photographs are inverted and how the weights are adapted to them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from palimpsest.settings import Count, Rate, Seed, Settings

LOWEST_ABOVE = 6
"""Weights up to this layer are never adapted, so that one inversion serves edits of all layers up
to it."""

Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Steps = Annotated[int, Field(ge=0)]
StepSize = Annotated[float, Field(gt=0)]


class InversionSettings(Settings):
    """Inversion of photographs: z first, then one w a layer, by Adam.

    ``candidates``: samples whose w are compared with the encoder's estimate; the nearest are the
    starts. Without an encoder the starts are the mean and the first of the candidates.
    ``starts``: how many are refined; the best one is kept. ``z_steps``, ``w_steps``: steps of Adam,
    ``z_rate``, ``w_rate``: their first size, which falls to a tenth along a cosine.
    ``pixel_weight``: of the mean squared difference beside the perceptual distance. ``pull``: of
    the squared distance of w from the mean, in standard deviations, averaged.
    ``seed``: of the candidates.
    """

    candidates: Count = 1024
    starts: Count = 2
    z_steps: Steps = 30
    w_steps: Steps = 60
    z_rate: StepSize = 0.1
    w_rate: StepSize = 0.05
    pixel_weight: Weight = 1.0
    pull: Weight = 0.5
    seed: Seed = 1


class AdaptationSettings(Settings):
    """Adaptation of the weights above a layer to one photograph, by Adam.

    ``kept``: other samples whose images are to stay as they are; each step sees ``kept_batch`` of
    them. ``kept_weight``: of their mean squared change, perceptual and pixel. ``pieces``: pieces of
    these samples pasted into the photograph, which are to be drawn as before (`references`); each
    step sees ``pieces_batch`` of them, ``pieces_weight`` is of their error. ``change_weight``: of
    the squared change of the weights relative to the squared weights. ``pixel_weight``: as in
    `InversionSettings`. ``rate``: first step size, which falls to a tenth along a cosine.
    ``seed``: of the other samples.
    """

    steps: Steps = 160
    rate: StepSize = 0.02
    kept: Count = 16
    kept_batch: Count = 1
    kept_weight: Weight = 0.3
    pieces: Count = 32
    pieces_batch: Count = 1
    pieces_weight: Weight = 2.0
    change_weight: Weight = 0.0
    pixel_weight: Weight = 10.0
    seed: Seed = 2


class EncoderRecipe(Settings):
    """Training of an encoder on a generator's samples.

    ``widths``: channels of its stages, each at half the size of the one before; ``hidden``: width
    of the layer before the output. ``rate``: of Adam, with 100 steps of warm-up, then a half cosine
    to 0. ``mixing``: share of samples whose layers take their w from two z. ``contrast``,
    ``brightness``: bounds of the random change of a sample, so that photographs fit: a factor
    within 1 ± contrast and a shift within ± brightness (images span 2). ``noise``: deviation of
    noise on the sample. ``image_weight``: of the squared difference between the sample and the
    image of the estimate, beside the squared error of w in standard deviations.
    """

    widths: Annotated[tuple[Count, ...], Field(min_length=1)] = (32, 64, 96, 128)
    hidden: Count = 256
    steps: Count = 1000
    batch: Annotated[int, Field(ge=2)] = 16
    rate: Rate = 2e-3
    mixing: Share = 0.3
    contrast: Share = 0.25
    brightness: Share = 0.15
    noise: Weight = 0.05
    image_weight: Weight = 2.0
    seed: Seed = 1


class FramingRecipe(Settings):
    """Training of the network that finds a face's square in a larger picture.

    Each step composes ``batch`` pictures and cuts ten windows from each: the face's square, three
    around it that miss it, and six from anywhere. ``backgrounds``: renders of the drawn worlds
    behind the faces. ``rate``: of Adam, with 100 steps of warm-up, then a half cosine to 0.
    """

    steps: Count = 2500
    batch: Annotated[int, Field(ge=2)] = 16
    backgrounds: Annotated[int, Field(ge=3)] = 600
    rate: Rate = 3e-3
    seed: Seed = 1
