"""The one training loop: it can be stopped at any step and resumes bit for bit.

    class Training(ResumableTraining):
        def update(self, batch): ...            # one optimiser step; returns its losses

    training = Training(steps, recipe_facts, batches, {"network": network, "optimizer": optimizer})
    finished = train_with_progress(training, Path("smile.checkpoint.pt"), minutes=20)

Two rules make a resumed run equal to an uninterrupted one. Batch i is a function of the recipe and
of i alone, so its random numbers come from a separate stream, such as (seed, i). And everything
that an update changes is one of the ``parts``: networks, averages, optimisers, schedulers, or any
other object with ``state_dict`` and ``load_state_dict``. An update draws no numbers from PyTorch's
global random state.
"""

from __future__ import annotations

import math
import sys
import time
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from palimpsest.errors import ParameterError
from palimpsest.files.atomic import atomic_path

CHECKPOINT_FORMAT = 2

CURVE_INTERVAL = 50
"""Steps between two rows of the curve."""

Losses = Mapping[str, float]


class Stateful(Protocol):
    """An object whose state a checkpoint can hold."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any: ...


@dataclass(frozen=True)
class Progress:
    """Progress of a run after a step.

    ``losses``: running means; ``about``: see `ResumableTraining.about`; ``images``: how many the
    step's batch has; ``seconds``: time of the step, including the wait for its batch.
    """

    step: int
    losses: Losses
    about: Mapping[str, int]
    images: int
    seconds: float


class ResumableTraining(ABC):
    """A training run: `run` it, `save` and `resume` it at any step.

    ``steps``: length of the whole run. ``recipe_facts``: the recipe as plain values, which
    distinguishes the checkpoints of different runs. ``batches[i]``: the batch of step i, a tuple
    whose first entry has one row for each image. ``parts``: everything that an update changes, by
    name.
    """

    def __init__(
        self,
        steps: int,
        recipe_facts: Mapping[str, Any],
        batches: Dataset,
        parts: Mapping[str, Stateful],
    ) -> None:
        self.steps = steps
        self.recipe_facts = dict(recipe_facts)
        self.batches = batches
        self.parts = dict(parts)
        self.step = 0
        self.seconds = 0.0
        self.running: dict[str, float] = {}
        self.curve: list[dict[str, float]] = []

    @abstractmethod
    def update(self, batch: Any) -> Losses:
        """Train on the batch of step ``self.step`` and return the losses by name."""

    def about(self, step: int) -> dict[str, int]:
        """Numbers that the curve and the progress bar show beside a step, such as a resolution."""
        return {}

    def begins_stage(self, step: int) -> bool:
        """Whether the running means start anew at ``step``, because the loss becomes another."""
        return step == 0

    def continues(self, facts: Mapping[str, Any], step: int) -> bool:
        """Whether this recipe prescribes the same first ``step`` steps as the recipe ``facts``."""
        return facts == self.recipe_facts

    def advance(self) -> Losses:
        """One step on its own batch; returns its losses."""
        began = time.perf_counter()
        return self._step_on(self.batches[self.step], began)

    def run(
        self,
        checkpoint: Path | None = None,
        *,
        every: int = 100,
        minutes: float = math.inf,
        stop_at: int | None = None,
        workers: int = 0,
        report: Callable[[Progress], None] | None = None,
    ) -> bool:
        """Train to the end, to step ``stop_at``, or for some minutes; True if the end was reached.

        Args:
            checkpoint: file to write every ``every`` steps and when the run stops.
            workers: processes that make batches ahead; 0 makes them in this process.
            report: called after each step.
        """
        end = self.steps if stop_at is None else min(stop_at, self.steps)
        until = time.monotonic() + 60 * minutes
        batches = self._batches_to_come(workers) if self.step < end else iter(())
        while self.step < end and time.monotonic() < until:
            began = time.perf_counter()
            batch = next(batches)
            self._note(self._step_on(batch, began))
            if checkpoint is not None and self.step % every == 0 and self.step < end:
                self.save(checkpoint)
            if report is not None:
                about, seconds = self.about(self.step - 1), time.perf_counter() - began
                report(Progress(self.step, dict(self.running), about, len(batch[0]), seconds))
        if checkpoint is not None:
            self.save(checkpoint)
        return self.step >= self.steps

    def _step_on(self, batch: Any, began: float) -> Losses:
        losses = self.update(batch)
        self.step += 1
        self.seconds += time.perf_counter() - began
        return losses

    def _note(self, losses: Losses) -> None:
        """Add the losses of the last step to the running means, and these to the curve."""
        step = self.step - 1
        if self.begins_stage(step):
            self.running = {}
        for name, loss in losses.items():
            old = self.running.get(name)
            self.running[name] = loss if old is None else 0.98 * old + 0.02 * loss
        if self.step % CURVE_INTERVAL == 0 or self.step == self.steps:
            means = {name: round(mean, 5) for name, mean in self.running.items()}
            self.curve.append({"step": self.step, **self.about(step), **means})

    def _batches_to_come(self, workers: int) -> Iterator[Any]:
        loader = DataLoader(
            self.batches,
            batch_size=None,
            sampler=range(self.step, self.steps),
            collate_fn=_unchanged,
            num_workers=workers,
            prefetch_factor=8 if workers else None,
            generator=torch.Generator(),  # otherwise a seed is drawn from the global random state
        )
        return iter(loader)

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        state = {
            "format": CHECKPOINT_FORMAT,
            "recipe": self.recipe_facts,
            "step": self.step,
            "seconds": self.seconds,
            "running": self.running,
            "curve": self.curve,
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
        }
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    def resume(self, path: Path) -> None:
        """Continue from the checkpoint at ``path``.

        Raises `ParameterError` for a file that is damaged, that is not a checkpoint of this version
        of the loop, or that belongs to another recipe.
        """
        try:
            with zipfile.ZipFile(path) as archive:  # PyTorch does not look at its checksums
                if bad := archive.testzip():
                    raise zipfile.BadZipFile(f"the checksum of its part {bad} is wrong")
            state = torch.load(path, weights_only=True)
        except Exception as problem:  # a damaged pickle can fail in any way at all
            raise ParameterError(
                f"{path}: damaged, or not a training checkpoint; remove it to start anew"
            ) from problem
        if not isinstance(state, dict) or state.get("format") != CHECKPOINT_FORMAT:
            raise ParameterError(
                f"{path}: not a checkpoint of this version of the training loop; remove it to "
                "start anew"
            )
        same_parts = state["parts"].keys() == self.parts.keys()
        if not (same_parts and self.continues(state["recipe"], state["step"])):
            raise ParameterError(f"{path}: a checkpoint of another recipe; remove it to start anew")
        self.step, self.seconds = state["step"], state["seconds"]
        self.running, self.curve = state["running"], state["curve"]
        for name, part in self.parts.items():
            part.load_state_dict(state["parts"][name])


def _unchanged(batch: Any) -> Any:
    return batch


def train_with_progress(
    training: ResumableTraining,
    checkpoint: Path,
    *,
    every: int = 100,
    minutes: float = math.inf,
    stop_at: int | None = None,
    workers: int = 0,
    watch: Callable[[Progress], None] | None = None,
) -> bool:
    """Resume from ``checkpoint`` if it exists and train, with a progress bar on stderr.

    Returns True if the end was reached; otherwise a line on stderr says how to continue. Arguments
    as for `ResumableTraining.run`, whose ``report`` is ``watch`` here; raises as
    `ResumableTraining.resume`.
    """
    if checkpoint.exists():
        training.resume(checkpoint)
    speed: float | None = None  # images a second, smoothed
    with tqdm(total=training.steps, initial=training.step, unit="step", mininterval=5) as bar:

        def report(progress: Progress) -> None:
            nonlocal speed
            now = progress.images / max(progress.seconds, 1e-9)
            speed = now if speed is None else 0.9 * speed + 0.1 * now
            shown = {**progress.about, **{n: f"{x:.4f}" for n, x in progress.losses.items()}}
            words = [f"{name} {value}" for name, value in shown.items()]
            bar.set_description(", ".join([*words, f"{speed:.0f} images/s"]), refresh=False)
            bar.update(progress.step - bar.n)
            if watch is not None:
                watch(progress)

        done = training.run(
            checkpoint,
            every=every,
            minutes=minutes,
            stop_at=stop_at,
            workers=workers,
            report=report,
        )
    if not done:
        print(
            f"stopped at step {training.step} of {training.steps}; run again to resume",
            file=sys.stderr,
        )
    return done
