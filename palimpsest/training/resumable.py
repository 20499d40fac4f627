"""A training run that can be stopped at any step and goes on as if nothing had happened.

    class Training(ResumableTraining):      # says what a recipe is, and what a step's loss is
        ...
    finished = train_shown(training, Path("smile.checkpoint.pt"), minutes=20)

Step i draws its batch from a stream of its own, (seed, i): so a run is a function of its recipe,
and a killed one needs no more than its weights, its optimiser and its step.
"""

from __future__ import annotations

import math
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from palimpsest.errors import ParameterError
from palimpsest.files.atomic import atomic_path

WARM_UP = 100
"""Steps over which the rate rises to its full height."""


class Recipe(Protocol):
    """What every recipe has: length of the run, AdamW's rate and weight decay, and a seed."""

    steps: int
    rate: float
    weight_decay: float
    seed: int


def rate_at(recipe: Recipe, step: int) -> float:
    """The rate of a step: it warms up, then falls to 0 as a half cosine."""
    warm = min(1.0, (step + 1) / WARM_UP)
    return recipe.rate * warm * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))


def check_minima(recipe: object, least: Mapping[str, int]) -> None:
    """Raise `ParameterError` for the first field of ``recipe`` below its least value."""
    for field, minimum in least.items():
        if getattr(recipe, field) < minimum:
            raise ParameterError(f"{field} = {getattr(recipe, field)}; at least {minimum}")


class ResumableTraining(ABC):
    """A run of AdamW: `advance` it step by step, `save` and `resume` it at any step.

    ``recipe_facts``: the recipe as plain values, which tells checkpoints apart.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, recipe_facts: dict) -> None:
        self.recipe = recipe
        self.recipe_facts = recipe_facts
        self.network = network.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay
        )
        self.step = 0
        self.seconds = 0.0
        self.curve: list[dict[str, float]] = []

    @abstractmethod
    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Images (B, 3, R, R) in [-1, 1] and the truth about them, of a step."""

    @abstractmethod
    def loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        """The loss of what the network says, float32, about a batch."""

    def advance(self) -> float:
        """One step; returns its loss."""
        began = time.perf_counter()
        images, truth = self.batch(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(self.recipe, self.step)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            predicted = self.network(images.contiguous(memory_format=torch.channels_last))
        loss = self.loss(predicted.float(), truth)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        self.seconds += time.perf_counter() - began
        return loss.item()

    def run(
        self,
        checkpoint: Path | None = None,
        every: int = 100,
        minutes: float = math.inf,
        report: Callable[[int, float], None] | None = None,
    ) -> bool:
        """Train to the end, or for so many minutes; True if the end was reached.

        Writes a checkpoint every ``every`` steps and when it stops; ``report(step, loss)`` hears of
        each step.
        """
        until = time.monotonic() + 60 * minutes
        running: float | None = None
        while self.step < self.recipe.steps and time.monotonic() < until:
            loss = self.advance()
            running = loss if running is None else 0.98 * running + 0.02 * loss
            last = self.step == self.recipe.steps
            if self.step % 50 == 0 or last:
                self.curve.append({"step": self.step, "loss": round(running, 5)})
            if checkpoint is not None and (self.step % every == 0 or last):
                self.save(checkpoint)
            if report is not None:
                report(self.step, running)
        if checkpoint is not None:
            self.save(checkpoint)
        return self.step >= self.recipe.steps

    def save(self, path: Path) -> None:
        """Write a checkpoint that `resume` goes on from."""
        state = {
            "recipe": self.recipe_facts,
            "step": self.step,
            "seconds": self.seconds,
            "curve": self.curve,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    def resume(self, path: Path) -> None:
        """Go on from the checkpoint at ``path``.

        Raises `ParameterError` where it belongs to another recipe or world.
        """
        state = torch.load(path, weights_only=True)
        if state["recipe"] != self.recipe_facts:
            raise ParameterError(f"{path}: a checkpoint of another recipe; remove it to start anew")
        self.step, self.seconds, self.curve = state["step"], state["seconds"], state["curve"]
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])

    def facts(self) -> dict[str, object]:
        """What a finished file records of its training."""
        return {
            "recipe": self.recipe_facts,
            "seed": self.recipe.seed,
            "steps": self.step,
            "seconds": round(self.seconds),
            "curve": self.curve,
        }


def train_shown(training: ResumableTraining, checkpoint: Path, minutes: float = math.inf) -> bool:
    """Go on from ``checkpoint`` if it is there, with a progress bar; True if the end was reached.

    Where time ran out first, a line on stderr says so.
    """
    if checkpoint.exists():
        training.resume(checkpoint)
    steps = training.recipe.steps
    with tqdm(total=steps, initial=training.step, unit="step", mininterval=5) as bar:

        def report(step: int, loss: float) -> None:
            bar.set_description(f"loss {loss:.4f}", refresh=False)
            bar.update(step - bar.n)

        done = training.run(checkpoint, minutes=minutes, report=report)
    if not done:
        print(f"stopped at step {training.step} of {steps}; run again to go on", file=sys.stderr)
    return done
