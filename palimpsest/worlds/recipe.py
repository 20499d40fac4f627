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
    """Train at one resolution for a number of steps."""

    resolution: int
    steps: int
    batch: int


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
    until the last stage, where it falls as a half cosine to ``final_rate``. ``mapping_rate``:
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
        index, stage, within = self.stage_at(step)
        warm = min(1.0, (step + 1) / 100)
        if index < len(self.stages) - 1:
            return self.rate * warm
        fall = 0.5 * (1 + math.cos(math.pi * within / stage.steps))
        return (self.final_rate + (self.rate - self.final_rate) * fall) * warm


def recipe_facts(recipe: Recipe) -> dict:
    """The recipe as plain numbers, for metadata and for telling checkpoints apart."""
    facts = asdict(recipe)
    facts["channels"] = {str(r): c for r, c in recipe.channels.items()}
    facts["class_weights"] = dict(recipe.class_weights)
    facts["stages"] = [asdict(stage) for stage in recipe.stages]
    return facts


def hardware() -> str:
    """Processor, threads and library of this process, for the record of a training run."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    model = names[0] if names else platform.processor()
    return f"{model}, {torch.get_num_threads()} thread(s), torch {torch.__version__}"
