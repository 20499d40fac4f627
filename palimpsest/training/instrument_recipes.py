"""Recipes of the instruments, trained on a world's renders or on photographs.

`params.yaml` composes these models, and the stages `train_segmenter` and `train_classifier`
validate their option ``--recipe`` with the same models.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from palimpsest.settings import Count, LayerNumber, Rate, Seed, Settings

Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
BatchSize = Annotated[int, Field(ge=4)]


class SegmenterRecipe(Settings):
    """Everything that the training of a segmenter depends on, but for its world and architecture.

    ``scenes``: number of training scenes, rendered at ``resolution`` and at half of it.
    ``new_rules``: share of them that follows one of the world's counterfactuals, since a segmenter
    that judges an edit must have seen what the edit makes (a tree on a tower). ``small_share``:
    share of the steps that train on half-size renders, with twice the ``batch``. ``rate``: of
    AdamW, with 100 steps of warm-up, then a half cosine to 0. ``dice``: weight of the Dice term.
    """

    resolution: Literal[64, 128, 256] = 128
    scenes: Count = 6000
    new_rules: Share = 0.25
    steps: Count = 1600
    batch: BatchSize = 16
    small_share: Share = 0.3
    rate: Rate = 4e-3
    weight_decay: Weight = 1e-3
    dice: Weight = 0.5
    seed: Seed = 1


class ClassifierRecipe(Settings):
    """Everything that the training of a classifier depends on, but for its world, attribute and
    architecture.

    ``scenes``: number of training scenes, rendered at ``resolution``. ``new_rules``: share of them
    that follows one of the world's counterfactuals. ``rate``: as a segmenter's.
    """

    resolution: Literal[32, 64, 128, 256] = 128
    scenes: Annotated[int, Field(ge=2)] = 4000
    new_rules: Share = 0.25
    steps: Count = 800
    batch: BatchSize = 32
    rate: Rate = 3e-3
    weight_decay: Weight = 1e-2
    seed: Seed = 1


class CriticRecipe(Settings):
    """Everything that the training of a critic depends on, but for its model and segmenter.

    Half of a ``batch`` are samples under random edits, the rest samples and, where there is a
    world, renders. ``layers``: layers that the edits change, which keep the size of their maps;
    ``ranks``: smallest and largest of the edits; ``changes``: smallest and largest change of the
    cells that they change most, in [0, 2]. ``spoilt``: mean change of a cell, in [0, 2], from which
    on it counts as spoilt; below a third of that it counts as unspoilt.
    """

    layers: Annotated[tuple[LayerNumber, ...], Field(min_length=1)] = (4, 6, 8)
    ranks: tuple[Count, Count] = (1, 3)
    changes: tuple[Weight, Weight] = (0.15, 0.8)
    spoilt: Annotated[float, Field(gt=0)] = 0.12
    steps: Count = 600
    batch: BatchSize = 16
    rate: Rate = 2e-3
    weight_decay: Weight = 1e-2
    seed: Seed = 1


class PhotographRecipe(Settings):
    """Everything that the training of an instrument on photographs depends on, but for the
    photographs and the architecture.

    ``shift``: most pixels by which a photograph is moved. ``softening``: distance of a softened
    label from 0 or 1; the labels are judgements, so some are wrong. ``smiling_weight``: weight of a
    smiling photograph in the loss, since there are fewer. ``rate``: as a segmenter's.
    """

    steps: Count = 1800
    batch: BatchSize = 64
    shift: Annotated[int, Field(ge=0, le=8)] = 3
    softening: Annotated[float, Field(ge=0, lt=0.5)] = 0.03
    smiling_weight: Annotated[float, Field(gt=0)] = 1.5
    rate: Rate = 2e-3
    weight_decay: Weight = 1e-2
    seed: Seed = 1


class MouthRegion(Settings):
    """An ellipse around (``row``, ``column``), ``height`` and ``width`` its whole axes, in pixels
    of a 64 x 64 photograph; pixel (0, 0) has its centre at (0.5, 0.5)."""

    row: float = 50
    column: float = 32
    height: Annotated[float, Field(gt=0)] = 26
    width: Annotated[float, Field(gt=0)] = 50


class PhotographInstruments(Settings):
    """The instruments of photographs: two training runs, and the fixed region of the mouth."""

    smile: PhotographRecipe = PhotographRecipe()
    backbone: PhotographRecipe = PhotographRecipe(steps=2000, batch=32)
    mouth: MouthRegion = MouthRegion()


class LetterRecipe(Settings):
    """Everything that the training of the letter detector depends on, but for its backgrounds.

    ``backgrounds``: pictures without marks, rendered from each world. ``generated``: pictures of a
    generator, turned by a quarter. ``lettered``: share of the training pictures with letters.
    ``tuned``: pictures on which the thresholds are chosen. ``rate``: as a segmenter's.
    """

    backgrounds: Count = 100
    generated: Annotated[int, Field(ge=0)] = 100
    lettered: Share = 0.6
    steps: Count = 500
    batch: BatchSize = 16
    tuned: Annotated[int, Field(ge=20)] = 300
    rate: Rate = 3e-3
    weight_decay: Weight = 1e-3
    seed: Seed = 1
