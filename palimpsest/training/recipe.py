"""Recipes: everything a training run of a mini generator depends on, and the record of one."""

from __future__ import annotations

import math
import platform
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import Field

from palimpsest.settings import Count, LayerNumber, Name, Rate, Seed, Settings

Resolution = Literal[4, 8, 16, 32, 64, 128, 256]
Weight = Annotated[float, Field(gt=0)]
ClassWeights = dict[Name, Weight]


S = TypeVar("S")
"""A stage of a recipe: settings that have ``steps``."""


class StagedRecipe(Settings, Generic[S]):
    """What recipes of all kinds share: the width at each resolution, and stages that follow each
    other."""

    channels: dict[int, Count]
    stages: Annotated[tuple[S, ...], Field(min_length=1)]

    @property
    def resolution(self) -> int:
        """Pixels a side of the finished generator's images."""
        return max(self.channels)

    @property
    def steps(self) -> int:
        """Steps of all stages together."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> tuple[int, S, int]:
        """Index of the stage that ``step`` belongs to, the stage, and the step's number in it.

        Raises `ValueError` for a step past the last stage.
        """
        for index, stage in enumerate(self.stages):
            if step < stage.steps:
                return index, stage, step
            step -= stage.steps
        raise ValueError(f"step {step} is past the end of the recipe")


class Stage(Settings):
    """Training at one resolution for a number of steps.

    ``rate``: learning rate at the start of the stage. ``class_weights``: replace those of the
    recipe for the classes named. None: the recipe's. (A second stage at the full resolution can
    improve small things in this way.)
    """

    resolution: Resolution
    steps: Count
    batch: Count
    rate: Rate | None = None
    class_weights: ClassWeights | None = None


class Interchange(Settings):
    """Settings of interchange training, which splices features between scenes
    (`training.interchange`).

    ``layer``: the layer whose values are spliced. ``units``: the first ``units`` channels are the
    designated ones. ``whole``: share of a batch's scenes that take all units of the donor.
    ``designated``: share that takes only the designated units; the share ``flat`` of these takes
    the units' mean over the slot, because switching units sets them to constants. The other
    scenes stay as they are. ``start``: resolution of the stage with which splicing begins.
    """

    layer: LayerNumber
    units: Count
    whole: float = Field(ge=0, le=1)
    designated: float = Field(ge=0, le=1)
    flat: float = Field(ge=0, le=1)
    start: Resolution


class Finish(Settings):
    """Settings of the adversarial finish (`training.finishing`), at the full resolution.

    ``steps`` of ``batch`` scenes each. ``rate`` and ``discriminator_rate``: learning rates, which
    stay, since the average evens out the steps. ``r1``: the penalty's γ is ``r1`` ·
    resolution² / batch. ``reconstruction``: weight of the distillation loss at the start and at the
    end; it falls geometrically. ``joining``: steps over which the adversarial loss comes in.
    ``discriminator``: its width at each resolution; None: the generator's. ``class_weights``: as in
    `Stage`.
    """

    steps: Count
    batch: Count
    rate: Rate = 5e-4
    discriminator_rate: Rate = 2e-3
    r1: float = Field(default=1e-3, ge=0)
    reconstruction: tuple[Weight, Weight] = (10.0, 10.0)
    joining: Count = 150
    ema: float = Field(default=0.999, ge=0, lt=1)
    discriminator: dict[int, Count] | None = None
    class_weights: ClassWeights | None = None

    def gamma(self, resolution: int) -> float:
        """The weight γ of the R1 penalty."""
        return self.r1 * resolution**2 / self.batch

    def reconstruction_at(self, step: int) -> float:
        """Weight of the distillation loss at a step."""
        first, last = self.reconstruction
        return first * (last / first) ** (step / self.steps)


class Recipe(StagedRecipe[Stage]):
    """All settings that a training run depends on.

    ``channels``: width at each resolution. ``class_weights``: weight of each class in the L1 term,
    1 for a class that is not named. ``rate``: learning rate of Adam below the full resolution; at
    the full resolution it falls in each stage as a half cosine to ``final_rate``.
    ``mapping_rate``: factor on the rate for the mapping network, in units that cancel StyleGAN2's
    own slowing of that network. A Progressive GAN ignores ``style_dim``, ``mapping_layers`` and
    ``mapping_rate``.
    """

    class_weights: ClassWeights
    style_dim: Count = 160
    mapping_layers: Count = 4
    rate: Rate = 4e-3
    final_rate: Rate = 2e-4
    mapping_rate: Rate = 0.5
    ema: float = Field(default=0.998, ge=0, lt=1)
    seed: Seed = 0
    kind: Literal["stylegan2", "progressive"] = "stylegan2"
    interchange: Interchange | None = None
    finish: Finish | None = None

    def rate_at(self, step: int) -> float:
        _, stage, within = self.stage_at(step)
        warm = min(1.0, (step + 1) / 100)
        start = self.rate if stage.rate is None else stage.rate
        if stage.resolution < self.stages[-1].resolution:
            return start * warm
        fall = 0.5 * (1 + math.cos(math.pi * within / stage.steps))
        return (self.final_rate + (start - self.final_rate) * fall) * warm


def recipe_facts(recipe: Recipe) -> dict:
    """The recipe as plain values, for the file's metadata and the checkpoint."""
    facts = recipe.model_dump()
    facts["channels"] = {str(r): c for r, c in recipe.channels.items()}
    facts["class_weights"] = dict(recipe.class_weights)
    if recipe.finish is None:
        del facts["finish"]
    facts["stages"] = [
        {name: value for name, value in stage.model_dump().items() if value is not None}
        for stage in recipe.stages
    ]
    return facts


def same_until(step: int, facts: dict, others: dict) -> bool:
    """Whether two recipes, as `recipe_facts`, prescribe the same first ``step`` steps."""
    later = ("stages", "finish")
    plain = [{n: v for n, v in one.items() if n not in later} for one in (facts, others)]
    last = [one["stages"][-1]["resolution"] for one in (facts, others)]  # where rates fall
    begun, left = 0, step
    while left > 0 and begun < len(facts["stages"]):
        left -= facts["stages"][begun]["steps"]
        begun += 1
    stages = [one["stages"][:begun] for one in (facts, others)]
    return plain[0] == plain[1] and last[0] == last[1] and stages[0] == stages[1]


def hardware() -> str:
    """Processor, number of threads and PyTorch version, for the record of a training run."""
    import torch  # imported here: slow to load, and not needed to read a recipe

    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    model = names[0] if names else platform.processor()
    return f"{model}, {torch.get_num_threads()} thread(s), torch {torch.__version__}"
