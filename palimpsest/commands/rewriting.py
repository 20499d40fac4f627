"""`palimpsest statistics` and `palimpsest rewrite`: from a session to an edit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from palimpsest.commands.options import Weights
from palimpsest.errors import ParameterError
from palimpsest.methods.registry import method_called, names_of
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import Truncation
from palimpsest.pipeline.shipped_models import weights_called
from palimpsest.settings import object_from_json, validated

if TYPE_CHECKING:
    from palimpsest.generators import Generator
    from palimpsest.sessions import Session

Collected = Annotated[int, typer.Option(help="Samples whose keys are collected.", min=1)]
CollectedSeed = Annotated[int, typer.Option(help="Random seed of these samples.", min=0)]


def statistics(
    weights: Weights,
    layer: Annotated[int, typer.Option(help="Layer whose keys are collected.")],
    out: Annotated[Path, typer.Option(help="Key statistics to write (.safetensors).")],
    samples: Collected = 1000,
    seed: CollectedSeed = 1,
    truncation: Truncation = 1.0,
    device: Device = "cpu",
) -> None:
    """Write the key statistics of a layer, which its edits need.

      palimpsest statistics --weights my_stylegan2.pt --layer 8 --out layer8.safetensors

    `palimpsest info` names the layers of a generator.
    """
    # imported here, so that --help is quick
    from palimpsest.generators import load_generator

    g = load_generator(weights_called(weights), truncation).to(computing_device(device))
    _collect(g, layer, samples, seed, out)


def rewrite(
    weights: Weights,
    session: Annotated[Path, typer.Argument(help="Session file: copy, paste and context.")],
    out: Annotated[Path, typer.Option(help="Edit to write (.safetensors).")],
    statistics: Annotated[
        Path | None,
        typer.Option(
            help="Key statistics of the layer; collected and written there if there is no such"
            " file. [beside --out]"
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
    segmenter: Annotated[
        Path | None,
        typer.Option(help="Segmenter, needed by methods that judge candidates by labels."),
    ] = None,
    samples: Collected = 1000,
    seed: CollectedSeed = 1,
    truncation: Truncation = 1.0,
    device: Device = "cpu",
) -> None:
    """Write the edit of a generator that a session shows.

    --samples, --seed and --truncation are those of statistics that have to be collected.

      palimpsest rewrite spires.json --weights my_stylegan2.pt --layer 8 --out spires.safetensors
    """
    # imported here, so that --help is quick
    from palimpsest.commands.session_edits import edit_of_session, generator_of_statistics, told
    from palimpsest.generators import load_generator
    from palimpsest.sessions import Session

    drawn = Session.load(session)
    file, place = weights_called(weights), computing_device(device)
    own = drawn.solve
    by = method_called(method or (own.solver if own else "newton"), "edit", "--method")
    given = object_from_json("--settings", settings)
    if own and by.name == own.solver:
        fields = own.model_dump(include={"mu", "exemplars"})
        given = {name: fields[name] for name in by.session_fields if name in fields} | given
    chosen = validated("--settings", given, by.settings)
    kept = statistics or out.with_name(f"{out.stem}-statistics.safetensors")
    if not kept.is_file():
        g = load_generator(file, truncation).to(place)
        number = _layer(drawn, layer)
        drawn.check(g, number)
        _collect(g, number, samples, seed, kept)
    g, stats = generator_of_statistics(file, kept, place)
    if layer is not None and stats.metadata.get("layer") != str(layer):
        raise ParameterError(f"--layer: {layer}, but {kept} is of layer {stats.metadata['layer']}")
    labels = None
    if segmenter and by.uses_segmenter:
        from palimpsest.instruments.loading import load_segmenter

        labels = load_segmenter(segmenter).to(place)
    edit = edit_of_session(by, g, drawn, stats, labels, chosen)
    edit.save(out)
    typer.echo(told(edit), err=True)


def _layer(session: Session, given: int | None) -> int:
    number = session.layer if session.layer is not None else given
    if number is None:
        raise ParameterError(f"--layer: session {session.name} names no layer; give it")
    return number


def _collect(g: Generator, layer: int, samples: int, seed: int, out: Path) -> None:
    from palimpsest.commands.progress import progress_bar
    from palimpsest.memory import KeyStatistics

    if lacking := g.lacking([layer]):
        raise ParameterError(f"--layer: this generator has {lacking}")
    with progress_bar(f"key statistics of layer {layer}", samples) as done:
        stats = KeyStatistics.collect(g, layer, samples, seed, progress=done)
    stats.save(out)
    typer.echo(f"{out}: {stats.count} keys of {stats.units} units", err=True)
