"""Recipes of the instruments that are trained on a world's renders: segmenters and classifiers.

`params.yaml` composes these models, and the stages `train_segmenter` and `train_classifier`
validate their option ``--recipe`` with the same models.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from palimpsest.settings import Count, Rate, Seed, Settings

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
