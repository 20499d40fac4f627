"""`palimpsest search`, `units` and `direction`: what the places of a session show.

None of them needs a copy or a paste, so they also serve for sessions that hold a context alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from palimpsest.commands.opening import Opening
from palimpsest.commands.options import (
    Columns,
    EstimateMean,
    Network,
    OneClass,
    Seed,
    Weights,
    ZDim,
)
from palimpsest.pipeline.devices import Device, computing_device

if TYPE_CHECKING:
    from palimpsest.generators import Generator
    from palimpsest.memory import KeyStatistics
    from palimpsest.sessions import HalfSession, Session
    from palimpsest.sessions.places import Places

SessionFile = Annotated[
    Path, typer.Argument(help="Session file with a painted context; copy and paste may be missing.")
]
LayerNumber = Annotated[
    int | None, typer.Option(help="Layer, where the session names none, as the original's.")
]
StatisticsFile = Annotated[
    Path | None,
    typer.Option(
        help="Key statistics of the layer; collected and written there if there is no such file."
        " [collected, and not kept]"
    ),
]
Collected = Annotated[
    int, typer.Option(help="Samples whose keys are collected, where they have to be.", min=1)
]
SessionTruncation = Annotated[
    float | None,
    typer.Option(help="Truncation of the generator, 0 to 1. [the session's own, or 1]"),
]
Field = Annotated[
    Literal["context", "query", "object"] | None,
    typer.Option(
        "--of", help="Places to take: context, query or object. [the first of them that is painted]"
    ),
]
Rank = Annotated[
    int | None, typer.Option(help="Number of directions. [the session's own]", min=1, max=64)
]


def search(
    session: SessionFile,
    weights: Weights = None,
    layer: LayerNumber = None,
    statistics: StatisticsFile = None,
    out: Annotated[
        Path | None, typer.Option(help="Picture of the samples found to write (.png).")
    ] = None,
    count: Annotated[int, typer.Option(help="Number of samples to find.", min=1, max=1000)] = 24,
    searched: Annotated[int, typer.Option(help="Number of samples searched.", min=1)] = 1000,
    seed: Seed = 1,
    of: Field = None,
    columns: Columns = 8,
    samples: Collected = 1000,
    truncation: SessionTruncation = None,
    estimate_mean: EstimateMean = False,
    of_class: OneClass = None,
    network: Network = None,
    z_dim: ZDim = None,
    device: Device = "cpu",
) -> None:
    """List the samples that match what a session marks, best first.

    A match of 1 is that of the marked places on average. The direction is that of a rule of rank 1.

      palimpsest search marks.json --weights my_stylegan2.pt --layer 8 --out found.png
    """
    # imported here, so that --help is quick
    from palimpsest.commands.progress import progress_bar
    from palimpsest.commands.sheets import check_picture, save_picture, sheet_of_samples
    from palimpsest.sessions.places import matching_samples

    if out is not None:
        check_picture(out)
    _, g, stats, places = _opened(
        session,
        Opening(weights, network, z_dim, estimate_mean),
        layer,
        statistics,
        of,
        device,
        samples=samples,
        truncation=truncation,
        of_class=of_class,
    )
    direction = places.directions(stats, rank=1)
    usual = places.match(direction[0])
    with progress_bar("samples", searched) as done:
        found = matching_samples(g, places.layer, direction, searched, seed, done=done)[:count]
    typer.echo("sample  match  row  column")
    for one in found:
        row, column = one.cell
        typer.echo(f"{one.sample:>6}  {one.strength / usual:>5.2f}  {row:>3}  {column:>6}")
    if out is not None:
        save_picture(sheet_of_samples(g, [one.sample for one in found], seed, columns), out)
        typer.echo(f"{out}: the samples listed, in their order", err=True)


def units(
    session: SessionFile,
    weights: Weights = None,
    layer: LayerNumber = None,
    statistics: StatisticsFile = None,
    count: Annotated[int, typer.Option(help="Number of units to list.", min=1)] = 30,
    by: Annotated[
        Literal["energy", "quantile"],
        typer.Option(help="Score: energy over the usual energy, or -log(1 - quantile)."),
    ] = "energy",
    of: Field = None,
    samples: Collected = 1000,
    truncation: SessionTruncation = None,
    estimate_mean: EstimateMean = False,
    of_class: OneClass = None,
    network: Network = None,
    z_dim: ZDim = None,
    device: Device = "cpu",
) -> None:
    """List the units that fit what a session marks, best first.

    They are input units of the layer. A rule that erases silences the first of them, by energy.

      palimpsest units marks.json --weights my_stylegan2.pt --layer 8 --count 30
    """
    _, _, stats, places = _opened(
        session,
        Opening(weights, network, z_dim, estimate_mean),
        layer,
        statistics,
        of,
        device,
        samples=samples,
        truncation=truncation,
        of_class=of_class,
    )
    scores = places.unit_scores(stats, by)
    typer.echo(f"unit  {by}")
    for unit in scores.argsort(descending=True, stable=True).tolist()[:count]:
        typer.echo(f"{unit:>4}  {scores[unit].item():.3f}")


def direction(
    session: SessionFile,
    out: Annotated[Path, typer.Option(help="Directions to write (.safetensors).")],
    weights: Weights = None,
    layer: LayerNumber = None,
    statistics: StatisticsFile = None,
    rank: Rank = None,
    of: Field = None,
    samples: Collected = 1000,
    truncation: SessionTruncation = None,
    estimate_mean: EstimateMean = False,
    of_class: OneClass = None,
    network: Network = None,
    z_dim: ZDim = None,
    device: Device = "cpu",
) -> None:
    """Write the directions that stand out in what a session marks.

    They are directions of the key space; an edit of the session starts from them (Appendix D).

      palimpsest direction marks.json --weights my_stylegan2.pt --layer 8 --out mark.safetensors
    """
    # imported here, so that --help is quick
    from palimpsest.memory.direction_files import Directions
    from palimpsest.sessions.places import usual_match

    drawn, g, stats, places = _opened(
        session,
        Opening(weights, network, z_dim, estimate_mean),
        layer,
        statistics,
        of,
        device,
        samples=samples,
        truncation=truncation,
        of_class=of_class,
    )
    rows = places.directions(stats, rank)
    made = Directions.of(rows, g, places.layer.number, drawn.name)
    made.save(out)
    matches = ", ".join(f"{places.match(row) / usual_match(row, stats):.1f}" for row in rows)
    typer.echo(
        f"{out}: layer {made.layer}, rank {len(rows)}, match at the marked places {matches} times "
        "the usual one",
        err=True,
    )


def _opened(
    file: Path,
    opening: Opening,
    layer: int | None,
    statistics: Path | None,
    of: str | None,
    device: str,
    **asked: Any,
) -> tuple[Session | HalfSession, Generator, KeyStatistics, Places]:
    """The session, its generator and statistics, and its places there; ``asked``: see `Asked`."""
    from palimpsest.commands.session_statistics import Asked, statistics_for
    from palimpsest.sessions import load_session
    from palimpsest.sessions.places import open_places, painted_places

    drawn = load_session(file)
    painted_places(drawn, of)  # before anything is collected
    place = computing_device(device)
    g, stats = statistics_for(drawn, opening, layer, Asked(**asked), given=statistics, device=place)
    return drawn, g, stats, open_places(g, drawn, int(stats.metadata["layer"]), of)
