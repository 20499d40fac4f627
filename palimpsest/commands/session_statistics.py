"""The generator and key statistics that a session needs: read from a file, or collected.

    asked = Asked(samples=None, seed=None, truncation=None)
    g, stats = statistics_for(session, opening, layer, asked, keep=Path("layer8.safetensors"))

The defaults of a session in a checkout are the pipeline's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from palimpsest.commands.opening import Opening
from palimpsest.commands.progress import progress_bar
from palimpsest.commands.session_edits import generator_of_statistics
from palimpsest.errors import ParameterError, StatisticsError
from palimpsest.generators import Generator
from palimpsest.generators.classes import with_class
from palimpsest.memory import KeyStatistics
from palimpsest.memory.several_edits import apply_files
from palimpsest.sessions import HalfSession, Session

if TYPE_CHECKING:
    import torch

    from palimpsest.pipeline.session_settings import PlannedSession


@dataclass(frozen=True)
class Asked:
    """What a command line says of the samples whose keys are collected; None for the default.

    ``on``, ``strengths``: edits that the generator has already, as in `apply_files`. ``of_class``:
    as in `with_class`.
    """

    samples: int | None = None
    seed: int | None = None
    truncation: float | None = None
    on: Sequence[Path] = ()
    strengths: Sequence[float] = (1.0,)
    of_class: int | None = None


def statistics_for(
    session: Session | HalfSession,
    opening: Opening,
    layer: int | None,
    asked: Asked,
    *,
    given: Path | None = None,
    keep: Path | None = None,
    planned: PlannedSession | None = None,
    device: torch.device,
    check: Callable[[Generator, int], object] = lambda g, layer: None,
) -> tuple[Generator, KeyStatistics]:
    """The generator at the statistics' truncation, and the statistics of the session's layer.

    They are read from ``given``, from what the pipeline made, or from ``keep``. Where there is no
    such file they are collected, after ``check``, and kept in the first of these that was named.

    Raises:
        ParameterError: no layer is named, or the statistics are of another than ``layer``.
        StatisticsError: statistics of other weights.
    """
    wanted = _collecting(session, asked, planned)
    file = given or keep
    if given is None and planned is not None and not asked.on:
        number = layer_of(session, layer, planned)
        made = planned.statistics_file(number, wanted["truncation"])
        file = made if _is_of(made, opening, {"layer": number, **wanted}) else file
    if file is None or not file.is_file():
        g = opening.generator(wanted["truncation"])
        g = with_class(apply_files(g, asked.on, asked.strengths), asked.of_class).to(device)
        number = layer_of(session, layer, planned)
        session.check(g, number)
        check(g, number)
        stats = collected(g, number, wanted["n"], wanted["seed"])
        if file is None:
            return g, stats
        save(stats, file)
    g, stats = generator_of_statistics(opening, file, device, asked.on, asked.strengths)
    g = with_class(g, asked.of_class)
    if layer is not None and stats.metadata.get("layer") != str(layer):
        raise ParameterError(f"--layer: {layer}, but {file} is of layer {stats.metadata['layer']}")
    return g, stats


def statistics_at(
    layers: Sequence[int],
    g: Generator,
    session: Session,
    opening: Opening,
    asked: Asked,
    keep: Callable[[int], Path],
    planned: PlannedSession | None = None,
) -> list[KeyStatistics]:
    """Statistics of other layers than the session's, of the generator that `statistics_for` gave.

    They are read from what the pipeline made or from ``keep(layer)``, else collected and kept
    there. Raises `ParameterError` for a layer that the generator lacks, and `SessionError` for one
    at which the session cannot be opened, before anything is collected.
    """
    if lacking := g.lacking(layers):
        raise ParameterError(f"--candidate-layer: this generator has {lacking}")
    for number in layers:
        session.at_layer(number).check(g)
    wanted = _collecting(session, asked, planned) | {"truncation": g.truncation}
    found = []
    for number in layers:
        file = keep(number)
        if planned is not None and not asked.on:
            made = planned.statistics_file(number, g.truncation)
            file = made if _is_of(made, opening, {"layer": number, **wanted}) else file
        if not file.is_file():
            save(collected(g, number, wanted["n"], wanted["seed"]), file)
        expect = {"weights_sha256": g.weights_sha256, "truncation": g.truncation, "layer": number}
        found.append(KeyStatistics.load(file, expect))
    return found


def layer_of(
    session: Session | HalfSession, given: int | None, planned: PlannedSession | None = None
) -> int:
    """The session's layer, or what the command line or the pipeline says."""
    if session.layer is not None:
        return session.layer
    if given is not None:
        return given
    if planned is None:
        raise ParameterError(f"--layer: session {session.name} names no layer; give it")
    return planned.layer


def collected(g: Generator, layer: int, samples: int, seed: int) -> KeyStatistics:
    """Key statistics of a layer, with a progress bar."""
    if lacking := g.lacking([layer]):
        raise ParameterError(f"--layer: this generator has {lacking}")
    with progress_bar(f"key statistics of layer {layer}", samples) as done:
        return KeyStatistics.collect(g, layer, samples, seed, progress=done)


def save(stats: KeyStatistics, out: Path) -> None:
    """Write statistics to a file, and say so."""
    stats.save(out)
    typer.echo(f"{out}: {stats.count} keys of {stats.units} units", err=True)


def _collecting(
    session: Session | HalfSession, asked: Asked, planned: PlannedSession | None
) -> dict[str, Any]:
    """Of what samples statistics are collected: n, seed and truncation."""
    wanted: dict[str, Any] = {"n": 1000, "seed": 1, "truncation": 1.0}
    if planned is not None:
        wanted["n"], wanted["seed"] = planned.statistics_samples
        wanted["truncation"] = planned.truncation
    truncation = session.truncation if asked.truncation is None else asked.truncation
    said = {"n": asked.samples, "seed": asked.seed, "truncation": truncation}
    return wanted | {name: value for name, value in said.items() if value is not None}


def _is_of(file: Path, opening: Opening, wanted: dict[str, Any]) -> bool:
    """Whether a file holds statistics of these weights and samples."""
    if not file.is_file():
        return False
    try:
        sha = opening.generator().weights_sha256
        KeyStatistics.load(file, expect={"weights_sha256": sha, **wanted})
    except (StatisticsError, OSError):
        return False
    return True
