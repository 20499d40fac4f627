"""`palimpsest statistics` and `palimpsest rewrite`: from a session to an edit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from palimpsest.commands.opening import Opening
from palimpsest.commands.options import EstimateMean, Network, OneClass, Weights, ZDim
from palimpsest.errors import ParameterError
from palimpsest.files.session_files import check_session_name
from palimpsest.methods.registry import method_called, names_of, running_at_layers
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import Truncation
from palimpsest.pipeline.shipped_models import weights_called
from palimpsest.settings import object_from_json, validated

if TYPE_CHECKING:
    from palimpsest.memory import KeyStatistics
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
    layer: Annotated[int, typer.Option(help="Layer whose keys are collected.")],
    out: Annotated[Path, typer.Option(help="Key statistics to write (.safetensors).")],
    weights: Weights = None,
    samples: Collected = 1000,
    seed: CollectedSeed = 1,
    of_class: OneClass = None,
    on: On = None,
    on_strength: OnStrengths = None,
    truncation: Truncation = 1.0,
    estimate_mean: EstimateMean = False,
    network: Network = None,
    z_dim: ZDim = None,
    device: Device = "cpu",
) -> None:
    """Write the key statistics of a layer, which its edits need.

      palimpsest statistics --weights my_stylegan2.pt --layer 8 --out layer8.safetensors

    `palimpsest info` names the layers of a generator.
    """
    # imported here, so that --help is quick
    from palimpsest.commands.session_statistics import collected, save
    from palimpsest.generators.classes import with_class
    from palimpsest.memory.several_edits import apply_files

    g = Opening(weights, network, z_dim, estimate_mean).generator(truncation)
    g = apply_files(g, on or [], on_strength or [1.0]).to(computing_device(device))
    save(collected(with_class(g, of_class), layer, samples, seed), out)


def rewrite(
    session: Annotated[Path, typer.Argument(help="Session file: copy, paste and context.")],
    out: Annotated[Path, typer.Option(help="Edit to write (.safetensors).")],
    weights: Weights = None,
    statistics: Annotated[
        list[Path] | None,
        typer.Option(
            help="Key statistics of the layer; collected and written there if there is no such"
            " file. Repeatable: those of other layers that palimpsest is to try as well."
            " [the pipeline's, if they were made, or beside --out]"
        ),
    ] = None,
    layer: Annotated[
        int | None, typer.Option(help="Layer, where the session names none, as the original's.")
    ] = None,
    candidate_layer: Annotated[
        list[int] | None,
        typer.Option(
            help="Layer that palimpsest tries beside the session's, with statistics of its own;"
            " the edit that scores best is kept; repeatable. [the pipeline's]"
        ),
    ] = None,
    erase: Annotated[
        int | None,
        typer.Option(
            help="Erase the painted places, with so many units silent in the goal; the session"
            " needs only a context then.",
            min=1,
        ),
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
    z_dim: ZDim = None,
    device: Device = "cpu",
) -> None:
    """Write the edit of a generator that a session shows.

    --samples, --seed and --truncation are those of statistics that have to be collected.

      palimpsest rewrite spires.json --weights my_stylegan2.pt --layer 8 --out spires.safetensors

    With --candidate-layer it is the best of edits at several layers, by the labels of --segmenter:

      palimpsest rewrite spires.json --weights church --method palimpsest --candidate-layer 7
      --out spires.safetensors

    With --on it is an edit on top of others: it says which, and goes on top of them alone.

    A session without a copy and a paste, as some of the original's, can erase what it marks:

      palimpsest rewrite marks.json --weights church --layer 6 --erase 30 --out none.safetensors

    In a checkout the edit of one of its models is the one that the pipeline makes.

      palimpsest rewrite data/sessions/church/hat.json --weights church --out hat.safetensors
    """
    # imported here, so that --help is quick
    from palimpsest.commands.session_edits import edit_of_session, further_statistics, told
    from palimpsest.commands.session_statistics import Asked, statistics_at, statistics_for
    from palimpsest.pipeline.session_settings import planned_session
    from palimpsest.sessions import Session, erasing, load_session
    from palimpsest.sessions.opening import check_moved

    check_session_name(session)
    drawn = Session.load(session) if erase is None else erasing(load_session(session), erase)
    if weights is not None and network is None:
        weights = weights_called(weights, params and params.parent)
    opening = Opening(weights, network, z_dim, estimate_mean)
    place = computing_device(device)
    file = None if network else opening.file
    planned = None if file is None else planned_session(params, file, drawn)
    own = drawn.solve.solver if drawn.solve else "newton"
    by = method_called(method or (planned.method if planned else own), "edit", "--method")
    given = _settings(by, drawn, planned, every=erase is not None)
    given |= object_from_json("--settings", settings)
    chosen = validated("--settings", given, by.settings)

    first, *others = statistics or [None]
    candidates = candidate_layer or []
    _check_candidates(by, candidates, statistics or [])
    asked = Asked(
        samples,
        seed,
        truncation,
        on=on or [],
        strengths=on_strength or [1.0],
        of_class=of_class,
    )
    g, stats = statistics_for(
        drawn,
        opening,
        layer,
        asked,
        given=first,
        keep=out.with_name(f"{out.stem}-statistics.safetensors"),
        planned=planned,
        device=place,
        check=lambda g, number: check_moved(drawn, g, number),
    )
    layers = _layers_beside(stats, candidates)
    if planned is not None and not statistics and not candidates:
        own = stats.metadata.get("layer")
        layers = [one for one in planned.candidate_layers(by.name) if str(one) != own]

    def kept(number: int) -> Path:
        return out.with_name(f"{out.stem}-statistics-layer{number}.safetensors")

    further = further_statistics(g, others)
    further += statistics_at(layers, g, drawn, opening, asked, kept, planned)
    critic = planned.critic if planned and not segmenter else None
    segmenter = segmenter or (planned.segmenter if planned else None)
    labels = None
    if segmenter and by.uses_segmenter:
        from palimpsest.instruments.loading import load_segmenter

        labels = load_segmenter(segmenter, critic).to(place)
    edit = edit_of_session(by, g, drawn, stats, labels, chosen, further)
    edit.save(out)
    typer.echo(told(edit), err=True)


def _check_candidates(by: Method, candidates: Sequence[int], statistics: Sequence[Path]) -> None:
    """Raise `ParameterError` for layers named in two ways, and a method that tries only one."""
    if len(statistics) > 1 and candidates:
        raise ParameterError(
            "--candidate-layer: several --statistics name the layers already; leave it out"
        )
    if len(statistics) > 1 or candidates:
        running_at_layers(by)


def _layers_beside(stats: KeyStatistics, candidates: Sequence[int]) -> list[int]:
    """The candidates, of which none is the layer of ``stats`` or named twice."""
    if not candidates:
        return []
    seen = [stats.collected_at("--statistics")[0]]
    for number in candidates:
        if number in seen:
            raise ParameterError(f"--candidate-layer: {number} is tried already; leave it out")
        seen.append(number)
    return seen[1:]


def _settings(
    by: Method, session: Session, planned: PlannedSession | None, every: bool
) -> dict[str, Any]:
    """The method's settings for a session: the pipeline's, or what its file says.

    ``every``: erase every place together, also where the pipeline takes fewer.
    """
    held = {} if session.solve is None else session.solve.model_dump()
    if planned is not None:
        found = dict(planned.settings(by.name))
    elif held.get("solver") == by.name:
        found = {name: held[name] for name in by.session_fields if name in held}
    else:
        found = {}
    if session.erase and not held and (every or planned is None):
        every_one = {"exemplars": len(session.exemplars)}
        found |= {name: every_one[name] for name in by.session_fields if name in every_one}
    return found
