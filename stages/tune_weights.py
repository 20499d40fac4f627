"""Tune weights to a session's first exemplar, with no direction to keep to (two baselines).

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
from palimpsest.generators import Generator, load_generator, save_generator
from palimpsest.instruments import PerceptualDistance
from palimpsest.instruments.distances.perceptual import distance_named
from palimpsest.instruments.loading import load_segmenter
from palimpsest.methods.baselines import Tuned, paste_image, tune_all, tune_layer
from palimpsest.pipeline.commands import json_settings, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.sessions import Session
from palimpsest.sessions.rewriting import open_session

SETTINGS = {
    "single_layer": {"learning_rate", "iterations"},
    "finetune_all": {"learning_rate", "iterations", "smooth_weight"},
}


def main(
    weights: Annotated[Path, typer.Option(help="The generator.")],
    session: Annotated[Path, typer.Option(help="The session whose first exemplar is the goal.")],
    method: Annotated[str, typer.Option(help="single_layer or finetune_all.")],
    settings: Annotated[str, typer.Option(help="learning_rate, iterations..., as JSON.")],
    out: Annotated[Path, typer.Option(help="Weights to write (.safetensors).")],
    segmenter: Annotated[
        Path | None, typer.Option(help="Its features make the perceptual distance.")
    ] = None,
    alexnet: Annotated[
        Path | None, typer.Option(help="AlexNet's weights for LPIPS. [torchvision's folder]")
    ] = None,
    truncation: Annotated[float, typer.Option(help="Truncation of the generator.")] = 1.0,
    device: Device = "cpu",
) -> None:
    if method not in SETTINGS:
        raise ParameterError(f"--method: {method!r} is none of {', '.join(SETTINGS)}")
    asked = parse_settings(settings, method)
    place = computing_device(device)
    generator = load_generator(weights, truncation=truncation).to(place)
    drawn = Session.load(session)
    facts: dict[str, Any] = {"method": method, "session": drawn.name}
    steps = partial(tqdm, desc=f"{method} {drawn.name}", unit="step", mininterval=5)
    if method == "single_layer":
        opened = open_session(generator, drawn, exemplars=(0,))
        facts["layer"] = opened.layer.number
        tuned = tune_layer(generator, opened.layer.number, opened.goals[0], steps=steps, **asked)
    else:
        goal = paste_image(generator, drawn)
        distance = _distance(segmenter, alexnet).to(place)
        tuned = tune_all(generator, goal, distance, steps=steps, **asked)
    save(tuned, out, facts | {"settings": asked, "weights_sha256": generator.weights_sha256})
    print(f"{method} {drawn.name}: loss {tuned.loss_before:.4f} to {tuned.loss_after:.4f}")


def parse_settings(text: str, method: str) -> dict[str, Any]:
    """Settings of a method. Raises `ParameterError` for others, or for what is no JSON object."""
    asked = json_settings("--settings", text)
    if unknown := sorted(asked.keys() - SETTINGS[method]):
        raise ParameterError(f"--settings: {method} has no {unknown[0]}")
    return asked


def _distance(segmenter: Path | None, alexnet: Path | None) -> PerceptualDistance:
    if segmenter is None:
        raise ParameterError("--segmenter: finetune_all needs one, for its perceptual distance")
    return distance_named("best", load_segmenter(segmenter), alexnet)


def save(tuned: Tuned, out: Path, facts: dict[str, Any]) -> None:
    """Write the tuned weights with how they were made."""
    made: Generator = tuned.generator
    numbers = {
        "seconds": round(tuned.seconds, 3),
        "loss_before": tuned.loss_before,
        "loss_after": tuned.loss_after,
    }
    save_generator(made, out, facts | numbers)


if __name__ == "__main__":
    run(main)
