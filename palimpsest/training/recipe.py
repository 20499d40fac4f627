"""Recipes: everything a training run of a mini generator depends on, and the record of one."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch


@dataclass(frozen=True)
class Stage:
    """Train at one resolution for a number of steps.

    ``rate`` is where the stage's rate starts, and ``class_weights`` are laid over the recipe's;
    None: as the recipe says. (A second stage at the full resolution can so finish what is small.)
    """

    resolution: int
    steps: int
    batch: int
    rate: float | None = None
    class_weights: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Interchange:
    """How a rule is trained in by splicing one scene's features into another (`interchange`).

    ``layer``: whose values are spliced. ``units``: the first so many of its channels are the
    designated ones. ``whole``: share of the scenes of a batch that take every unit of the donor;
    ``designated``: share that takes the designated ones only, of which the share ``flat`` takes
    their mean over the slot, since switching units on by hand writes constants. The rest stays
    plain. It begins with the stage of resolution ``start``.
    """

    layer: int
    units: int
    whole: float
    designated: float
    flat: float
    start: int


@dataclass(frozen=True)
class Recipe:
    """Everything a training run depends on.

    ``kind``: "stylegan2" or "progressive". ``channels``: width at each resolution. ``rate``: Adam's
    until the full resolution, where it falls in each stage as a half cosine to ``final_rate``;
    below that it stays. ``mapping_rate``:
    factor on it for the mapping network, in units that cancel StyleGAN2's own slowing of that
    network. ``class_weights``: weight of each class in the L1 term, 1 where none is given.
    ``style_dim``, ``mapping_layers`` and ``mapping_rate`` say nothing to a Progressive GAN.
    """

    channels: Mapping[int, int]
    stages: tuple[Stage, ...]
    class_weights: Mapping[str, float]
    style_dim: int = 160
    mapping_layers: int = 4
    rate: float = 4e-3
    final_rate: float = 2e-4
    mapping_rate: float = 0.5
    ema: float = 0.998
    seed: int = 0
    kind: Literal["stylegan2", "progressive"] = "stylegan2"
    interchange: Interchange | None = None

    @property
    def resolution(self) -> int:
        return max(self.channels)

    @property
    def steps(self) -> int:
        """Steps of all stages together."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> tuple[int, Stage, int]:
        """Index of the stage that ``step`` belongs to, the stage, and the step's number in it."""
        for index, stage in enumerate(self.stages):
            if step < stage.steps:
                return index, stage, step
            step -= stage.steps
        raise ValueError(f"step {step} is past the end of the recipe")

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
    facts = asdict(recipe)
    facts["channels"] = {str(r): c for r, c in recipe.channels.items()}
    facts["class_weights"] = dict(recipe.class_weights)
    facts["stages"] = [
        {name: value for name, value in asdict(stage).items() if value is not None}
        for stage in recipe.stages
    ]
    return facts


def same_until(step: int, facts: dict, others: dict) -> bool:
    """Whether two recipes, as `recipe_facts`, ask for the same first ``step`` steps."""
    plain = [{n: v for n, v in one.items() if n != "stages"} for one in (facts, others)]
    last = [one["stages"][-1]["resolution"] for one in (facts, others)]  # where rates fall
    begun, left = 0, step
    while left > 0 and begun < len(facts["stages"]):
        left -= facts["stages"][begun]["steps"]
        begun += 1
    stages = [one["stages"][:begun] for one in (facts, others)]
    return plain[0] == plain[1] and last[0] == last[1] and stages[0] == stages[1]


def hardware() -> str:
    """Processor, number of threads and PyTorch version, for the record of a training run."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    model = names[0] if names else platform.processor()
    return f"{model}, {torch.get_num_threads()} thread(s), torch {torch.__version__}"
