"""Tune weights to a session's first exemplar, without directions (two baselines of the paper).

    python -m stages.tune_weights --weights church.safetensors --session dome2spire.json \
        --segmenter church-segmenter.safetensors --method finetune_all \
        --settings '{"learning_rate": 0.0001, "iterations": 2001}' --out finetune_all.safetensors
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from tqdm import tqdm

from palimpsest.errors import ParameterError
from palimpsest.generators import load_generator, save_generator
from palimpsest.instruments import PerceptualDistance
from palimpsest.instruments.distances.perceptual import distance_named
from palimpsest.instruments.loading import load_segmenter
from palimpsest.methods.baselines.weight_tuning import Tuned
from palimpsest.methods.registry import method_called, names_of
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import AlexNet, Truncation, Weights
from palimpsest.sessions import Session
from palimpsest.settings import settings_from_json


def main(
    weights: Weights,
    session: Annotated[Path, typer.Option(help="Session file; its first exemplar is the goal.")],
    method: Annotated[str, typer.Option(help=f"Method: {', '.join(names_of('weights'))}.")],
    settings: Annotated[str, typer.Option(help="Settings of the method, as JSON.")],
    out: Annotated[Path, typer.Option(help="Weights to write (.safetensors).")],
    segmenter: Annotated[
        Path | None,
        typer.Option(help="Segmenter for the perceptual distance, if the method has one."),
    ] = None,
    alexnet: AlexNet = None,
    truncation: Truncation = 1.0,
    device: Device = "cpu",
) -> None:
    """Write the tuned weights, with the method, its settings and losses in their metadata."""
    by = method_called(method, "weights", "--method")
    asked = settings_from_json("--settings", settings, by.settings)
    place = computing_device(device)
    generator = load_generator(weights, truncation=truncation).to(place)
    drawn = Session.load(session)
    distance = _distance(method, segmenter, alexnet).to(place) if by.uses_segmenter else None
    steps = partial(tqdm, desc=f"{method} {drawn.name}", unit="step", mininterval=5)
    tuned = by.run(generator, drawn, distance, asked, steps)
    facts: dict[str, Any] = {"method": method, "session": session.stem}
    if tuned.layer is not None:
        facts["layer"] = tuned.layer
    facts["settings"] = dict(sorted(asked.model_dump(exclude_unset=True).items()))
    save(tuned, out, facts | {"weights_sha256": generator.weights_sha256})
    print(f"{method} {drawn.name}: loss {tuned.loss_before:.4f} to {tuned.loss_after:.4f}")


def _distance(method: str, segmenter: Path | None, alexnet: Path | None) -> PerceptualDistance:
    if segmenter is None:
        raise ParameterError(f"--segmenter: {method} needs one, for its perceptual distance")
    return distance_named("best", load_segmenter(segmenter), alexnet)


def save(tuned: Tuned, out: Path, facts: dict[str, Any]) -> None:
    """Write the tuned weights, with ``facts`` about how they were made."""
    numbers = {
        "seconds": round(tuned.seconds, 3),
        "loss_before": tuned.loss_before,
        "loss_after": tuned.loss_after,
    }
    save_generator(tuned.generator, out, facts | numbers)


if __name__ == "__main__":
    run(main)
