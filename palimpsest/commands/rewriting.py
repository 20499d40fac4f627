"""`palimpsest statistics` and `palimpsest rewrite`: from a session to an edit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from palimpsest.commands.options import EstimateMean, Network, OneClass, Weights
from palimpsest.errors import ParameterError, StatisticsError
from palimpsest.files.session_files import check_session_name
from palimpsest.methods.registry import method_called, names_of
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import Truncation
from palimpsest.pipeline.shipped_models import weights_called
from palimpsest.settings import object_from_json, validated

if TYPE_CHECKING:
    from palimpsest.generators import Generator
    from palimpsest.methods.method import Method
    from palimpsest.pipeline.session_settings import PlannedSession
    from palimpsest.sessions import Session

Collected = Annotated[int, typer.Option(help="Samples whose keys are collected.", min=1)]
CollectedSeed = Annotated[int, typer.Option(help="Random seed of these samples.", min=0)]
On = Annotated[
    list[Path] | None,
    typer.Option(help="Edit that the generator has already, to work on top of; repeatable."),
]
OnStrengths = Annotated[
    list[float] | None,
    typer.Option(help="Strength of the edits of --on: one for all, or one for each. [1]"),
]


def statistics(
    weights: Weights,
    layer: Annotated[int, typer.Option(help="Layer whose keys are collected.")],
    out: Annotated[Path, typer.Option(help="Key statistics to write (.safetensors).")],
    samples: Collected = 1000,
    seed: CollectedSeed = 1,
    of_class: OneClass = None,
    on: On = None,
    on_strength: OnStrengths = None,
    truncation: Truncation = 1.0,
    estimate_mean: EstimateMean = False,
    network: Network = None,
    device: Device = "cpu",
) -> None:
    """Write the key statistics of a layer, which its edits need.

      palimpsest statistics --weights my_stylegan2.pt --layer 8 --out layer8.safetensors

    `palimpsest info` names the layers of a generator.
    """
    # imported here, so that --help is quick
    from palimpsest.commands.opening import generator_of
    from palimpsest.generators.classes import with_class
    from palimpsest.memory.several_edits import apply_files

    g = generator_of(weights, network, truncation, estimate_mean)
    g = apply_files(g, on or [], on_strength or [1.0]).to(computing_device(device))
    _collect(with_class(g, of_class), layer, samples, seed, out)


def rewrite(
    weights: Weights,
    session: Annotated[Path, typer.Argument(help="Session file: copy, paste and context.")],
    out: Annotated[Path, typer.Option(help="Edit to write (.safetensors).")],
    statistics: Annotated[
        Path | None,
        typer.Option(
            help="Key statistics of the layer; collected and written there if there is no such"
            " file. [the pipeline's, if they were made, or beside --out]"
        ),
    ] = None,
    layer: Annotated[
        int | None, typer.Option(help="Layer, where the session names none, as the original's.")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help=f"Method: {', '.join(names_of('edit'))}. [the session's own, or newton]",
        ),
    ] = None,
    settings: Annotated[
        str, typer.Option(help='Settings of the method, as JSON, such as {"mu": 0.1}.')
    ] = "{}",
    params: Annotated[
        Path | None,
        typer.Option(
            help="Parameters of a checkout, for sessions of its models: method, settings and all"
            " that is not given here is as the pipeline has it. [params.yaml, in a checkout]"
        ),
    ] = None,
    segmenter: Annotated[
        Path | None,
        typer.Option(help="Segmenter, needed by methods that judge candidates by labels."),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="Samples whose keys are collected. [1000]", min=1)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Random seed of these samples. [1]", min=0)
    ] = None,
    of_class: OneClass = None,
    on: On = None,
    on_strength: OnStrengths = None,
    truncation: Annotated[
        float | None,
        typer.Option(help="Truncation of the generator, 0 to 1. [the session's own, or 1]"),
    ] = None,
    estimate_mean: EstimateMean = False,
    network: Network = None,
    device: Device = "cpu",
) -> None:
    """Write the edit of a generator that a session shows.

    --samples, --seed and --truncation are those of statistics that have to be collected. --class
    is that of the session's samples, where the session itself gives none, and of these.

      palimpsest rewrite spires.json --weights my_stylegan2.pt --layer 8 --out spires.safetensors

    With --on it is an edit on top of others: it says which, and goes on top of them alone.

    In a checkout the edit of one of its models is the one that the pipeline makes.

      palimpsest rewrite data/sessions/church/hat.json --weights church --out hat.safetensors
    """
    # imported here, so that --help is quick
    from palimpsest.commands.opening import generator_of
    from palimpsest.commands.session_edits import edit_of_session, generator_of_statistics, told
    from palimpsest.generators.classes import with_class
    from palimpsest.memory.several_edits import apply_files
    from palimpsest.pipeline.session_settings import planned_session
    from palimpsest.sessions import Session

    check_session_name(session)
    drawn = Session.load(session)
    file = weights if network else weights_called(weights, params and params.parent)
    place = computing_device(device)
    planned = None if network else planned_session(params, file, drawn)
    own = drawn.solve.solver if drawn.solve else "newton"
    by = method_called(method or (planned.method if planned else own), "edit", "--method")
    given = _settings(by, drawn, planned) | object_from_json("--settings", settings)
    chosen = validated("--settings", given, by.settings)

    truncation = drawn.truncation if truncation is None else truncation
    asked = _collecting(samples, seed, truncation, planned)
    kept = statistics or out.with_name(f"{out.stem}-statistics.safetensors")
    have, strengths = on or [], on_strength or [1.0]
    if statistics is None and planned is not None and not have:
        number = _layer(drawn, layer, planned)
        made = planned.statistics_file(number, asked["truncation"])
        kept = made if _is_of(made, file, {"layer": number, **asked}) else kept
    if not kept.is_file():
        g = generator_of(file, network, asked["truncation"], estimate_mean)
        g = with_class(apply_files(g, have, strengths), of_class).to(place)
        number = _layer(drawn, layer, planned)
        drawn.check(g, number)
        _collect(g, number, asked["n"], asked["seed"], kept)
    g, stats = generator_of_statistics(file, kept, place, estimate_mean, have, strengths, network)
    g = with_class(g, of_class)
    if layer is not None and stats.metadata.get("layer") != str(layer):
        raise ParameterError(f"--layer: {layer}, but {kept} is of layer {stats.metadata['layer']}")
    segmenter = segmenter or (planned.segmenter if planned else None)
    labels = None
    if segmenter and by.uses_segmenter:
        from palimpsest.instruments.loading import load_segmenter

        labels = load_segmenter(segmenter).to(place)
    edit = edit_of_session(by, g, drawn, stats, labels, chosen)
    edit.save(out)
    typer.echo(told(edit), err=True)


def _settings(by: Method, session: Session, planned: PlannedSession | None) -> dict[str, Any]:
    """The method's settings for a session: the pipeline's, or what its file says."""
    if planned is not None:
        return dict(planned.settings(by.name))
    if session.solve is None or by.name != session.solve.solver:
        return {}
    fields = session.solve.model_dump(include={"mu", "exemplars"})
    return {name: fields[name] for name in by.session_fields if name in fields}


def _layer(session: Session, given: int | None, planned: PlannedSession | None) -> int:
    if session.layer is not None:
        return session.layer
    if given is not None:
        return given
    if planned is None:
        raise ParameterError(f"--layer: session {session.name} names no layer; give it")
    return planned.layer


def _collecting(
    samples: int | None, seed: int | None, truncation: float | None, planned: PlannedSession | None
) -> dict[str, Any]:
    """Of what samples statistics are collected: n, seed and truncation."""
    asked: dict[str, Any] = {"n": 1000, "seed": 1, "truncation": 1.0}
    if planned is not None:
        asked["n"], asked["seed"] = planned.statistics_samples
        asked["truncation"] = planned.truncation
    given = {"n": samples, "seed": seed, "truncation": truncation}
    return asked | {name: value for name, value in given.items() if value is not None}


def _is_of(file: Path, weights: Path, asked: dict[str, Any]) -> bool:
    """Whether a file holds statistics of these weights and samples."""
    from palimpsest.generators import load_generator
    from palimpsest.memory import KeyStatistics

    if not file.is_file():
        return False
    try:
        sha = load_generator(weights).weights_sha256
        KeyStatistics.load(file, expect={"weights_sha256": sha, **asked})
    except (StatisticsError, OSError):
        return False
    return True


def _collect(g: Generator, layer: int, samples: int, seed: int, out: Path) -> None:
    from palimpsest.commands.progress import progress_bar
    from palimpsest.memory import KeyStatistics

    if lacking := g.lacking([layer]):
        raise ParameterError(f"--layer: this generator has {lacking}")
    with progress_bar(f"key statistics of layer {layer}", samples) as done:
        stats = KeyStatistics.collect(g, layer, samples, seed, progress=done)
    stats.save(out)
    typer.echo(f"{out}: {stats.count} keys of {stats.units} units", err=True)
