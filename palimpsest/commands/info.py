"""`palimpsest info`: what a file is, or another network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from palimpsest.commands.opening import Opening
from palimpsest.commands.options import Network, ZDim
from palimpsest.errors import ParameterError
from palimpsest.pipeline.shipped_models import shipped_models, weights_called

if TYPE_CHECKING:
    from palimpsest.commands.contents import Contents
    from palimpsest.generators import Generator


def info(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The file, of any kind that this project reads, or the name of a shipped model."
            " Without it, --network is described."
        ),
    ] = None,
    weights: Annotated[
        list[Path] | None,
        typer.Option(
            help="Generator that the file should fit: a file, or the name of a shipped model;"
            " repeatable. [the shipped ones] With --network, the file that fills it."
        ),
    ] = None,
    network: Network = None,
    z_dim: ZDim = None,
) -> None:
    """Say what a file is, what it holds and which models it fits.

    Generators, key statistics, edits, sessions, inverted photographs, segmenters, classifiers and
    encoders are told apart by their content. Of a network that is no file, --network tells the
    layers; with a file as well, whether it fits.

      palimpsest info data/weights/mini/church.safetensors
      palimpsest info spires.safetensors --weights my_stylegan2.pt
      palimpsest info --network my_models:make_gan --weights gan.pt
    """
    # imported here, so that --help is quick
    from palimpsest.commands.contents import contents_of

    other = _other_network(network, z_dim, weights or [])
    if file is None:
        if network is None or other is None:
            raise ParameterError("give a file, or a network with --network")
        from palimpsest.commands.network_facts import contents_of_network

        _print({"kind": "generator", **contents_of_network(other, network).facts})
        return
    if not file.exists():
        file = shipped_models().get(str(file), file)
    found = contents_of(file)
    lines = {"file": str(file), "kind": found.kind, **found.facts}
    if found.depends_on_weights:
        opened = {network: other} if network is not None and other is not None else {}
        lines |= _fitting(found, [] if opened else weights or [], opened)
    _print(lines)


def _other_network(network: str | None, z_dim: int | None, weights: list[Path]) -> Generator | None:
    if network is None and z_dim is None:
        return None
    if len(weights) > 1:
        raise ParameterError("--weights: a network of --network is filled from one file")
    return Opening(weights[0] if weights else None, network, z_dim).generator()


def _fitting(found: Contents, weights: list[Path], opened: dict[str, Generator]) -> dict[str, str]:
    """The line that names the models that a file is of, or fits."""
    from palimpsest.commands.contents import fits

    given: dict[str, Path | Generator] = {str(one): weights_called(one) for one in weights}
    given |= opened
    models = given or dict(shipped_models())
    if found.session is not None and not found.session.model:
        models = given  # samples of what generator it was drawn on is not written in it
    label = "is the model" if found.kind == "generator" else "fits"
    if models:
        none = f"none of {', '.join(models)}"
        return {label: ", ".join(fits(found, models, by_name=not given)) or none}
    if found.kind != "generator":
        return {label: "unknown; give a generator with --weights"}
    return {}


def _print(lines: dict[str, str]) -> None:
    width = max(map(len, lines))
    for name, text in lines.items():
        typer.echo(f"{name:<{width}}  {text}")
