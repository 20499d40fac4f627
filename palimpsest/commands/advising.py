"""`palimpsest advise`: the layer and the rank to edit with, without any labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from palimpsest.commands.opening import Opening
from palimpsest.commands.options import EstimateMean, Network, OneClass, Seed, Weights, ZDim
from palimpsest.commands.places import Collected, Field, SessionTruncation
from palimpsest.errors import ParameterError
from palimpsest.pipeline.devices import Device, computing_device

if TYPE_CHECKING:
    from palimpsest.experiments.layers.choice import LayerChoice
    from palimpsest.generators import Generator
    from palimpsest.memory import KeyStatistics
    from palimpsest.sessions import HalfSession, Session

SHOWN = (1, 2, 3, 5, 10)
"""Ranks at which a session is solved, beside the advised one."""


def advise(
    weights: Weights = None,
    session: Annotated[
        Path | None,
        typer.Argument(help="Session file with a painted context, to advise the rank of its rule."),
    ] = None,
    layer: Annotated[
        int | None, typer.Option(help="Layer to advise the rank for; no layer is probed then.")
    ] = None,
    probed: Annotated[
        int, typer.Option(help="Samples of each of two seeds that are probed.", min=8)
    ] = 64,
    samples: Collected = 1000,
    seed: Seed = 1,
    of: Field = None,
    truncation: SessionTruncation = None,
    estimate_mean: EstimateMean = False,
    of_class: OneClass = None,
    network: Network = None,
    z_dim: ZDim = None,
    device: Device = "cpu",
) -> None:
    """Advise the layer to edit, and the rank of a session's rule.

    The layer comes from pieces of images that each layer draws alone, the rank from what the
    samples of the session's context have in common. Both are compared by the generator's own keys
    and values, so no segmenter is needed. --samples and --seed are those of the key statistics that
    the rank needs.

      palimpsest advise --weights my_stylegan2.pt
      palimpsest advise marks.json --weights my_stylegan2.pt --layer 8
    """
    # imported here, so that --help is quick
    from palimpsest.commands.session_statistics import collected
    from palimpsest.generators.classes import with_class
    from palimpsest.sessions import load_session
    from palimpsest.sessions.places import painted_places

    if session is None and layer is not None:
        raise ParameterError("--layer: the rank is that of a session's rule; give a session file")
    drawn = None if session is None else load_session(session)
    if drawn is not None:
        painted_places(drawn, of)  # before anything is probed
        truncation = drawn.truncation if truncation is None else truncation
    opening = Opening(weights, network, z_dim, estimate_mean)
    g = opening.generator(1.0 if truncation is None else truncation)
    g = with_class(g, of_class).to(computing_device(device))
    if layer is None:
        choice = _choice(g, probed)
        typer.echo("layer  distance")
        for number, distance in choice.curve.items():
            typer.echo(f"{number:>5}  {distance:>8.3f}{_marked(number, choice)}")
        typer.echo(f"layer {choice.layer}: {choice.why}", err=True)
        layer = choice.layer
    if drawn is None:
        return
    # the rank is asked for at the layer that was advised, whatever the session names
    drawn = drawn.at_layer(layer)
    _advise_rank(g, drawn, collected(g, layer, samples, seed), of)


def _choice(g: Generator, probed: int) -> LayerChoice:
    from palimpsest.commands.progress import progress_bar
    from palimpsest.experiments.layers.advice import probe_for
    from palimpsest.experiments.layers.choice import choose_layers
    from palimpsest.experiments.layers.probe import OwnValues, distances, probe_layers
    from palimpsest.generators.samples import images_at_once

    settings = probe_for(g, probed)
    done = 0

    with progress_bar("samples", settings.images) as show:

        def progress(more: int) -> None:
            nonlocal done
            done += more
            show(done)

        batch = images_at_once(g.resolution, 32)
        table = probe_layers(g, OwnValues(g), settings, batch=batch, progress=progress)
    return choose_layers(distances(table))


def _marked(number: int, choice: LayerChoice) -> str:
    if number == choice.layer:
        return "  <- edit this one first"
    return "  <- as wide" if number in choice.layers else ""


def _advise_rank(
    g: Generator, drawn: Session | HalfSession, stats: KeyStatistics, of: str | None
) -> None:
    from palimpsest.experiments.layers.advice import advise_rank
    from palimpsest.experiments.tradeoff.settings import SweepSettings
    from palimpsest.experiments.tradeoff.sweep import sweep
    from palimpsest.sessions import Session
    from palimpsest.sessions.places import open_places

    layer = int(stats.metadata["layer"])
    advice = advise_rank(open_places(g, drawn, layer, of), stats)
    has_goal = isinstance(drawn, Session) and not drawn.erase
    shown = sorted({rank for rank in (*SHOWN, advice.rank) if rank in advice.covered})
    solved = {}
    if has_goal:
        grid = SweepSettings(ranks=tuple(shown), exemplars=(1,), mus=(1.0,), iterations=30)
        for trial in sweep(g, drawn, stats, grid):
            found = trial.record()
            left = found["loss_after"] / found["loss_before"] if found["loss_before"] else 1.0
            solved[trial.setting.rank] = (left, found["change_elsewhere"])
    typer.echo("rank  context covered" + ("  goal left  change elsewhere" if solved else ""))
    for rank in shown:
        line = f"{rank:>4}  {100 * advice.covered[rank]:>13.0f} %"
        if rank in solved:
            left, elsewhere = solved[rank]
            line += f"  {100 * left:>7.0f} %  {100 * elsewhere:>14.1f} %"
        typer.echo(line + ("  <- advised" if rank == advice.rank else ""))
    typer.echo(f"layer {layer}, rank {advice.rank}: {advice.why}", err=True)
