"""The command `palimpsest`; in a checkout also ``python -m palimpsest``.

    palimpsest info church.safetensors
    palimpsest photo me.jpg --edit photo_smile.safetensors --out me-smiling.png

Each command is a function here or in `palimpsest.commands`, named in `COMMANDS`. What it does lies
in the library.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from palimpsest import __version__
from palimpsest.commands.advising import advise
from palimpsest.commands.edits import EDITS, export
from palimpsest.commands.info import info
from palimpsest.commands.options import EstimateMean, Network, OneClass, ZDim
from palimpsest.commands.places import direction, search, units
from palimpsest.commands.rewriting import rewrite, statistics
from palimpsest.commands.samples import apply, samples
from palimpsest.errors import EditError, ParameterError
from palimpsest.files.atomic import atomic_path
from palimpsest.pipeline.commands import run_commands
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shipped_models import NO_CHECKOUT, checkout, weights_called

SHIPPED = "photo_faces"
ENCODER = "encoder.safetensors"

PHOTOGRAPH = typer.Argument(help="The photograph: JPEG, PNG or any other picture.")


def photo(
    photograph: Annotated[Path, PHOTOGRAPH],
    out: Annotated[Path, typer.Option(help="Picture to write (.png).")],
    edit: Annotated[
        list[Path] | None,
        typer.Option(help="Edit to apply to the photograph (.safetensors); repeatable."),
    ] = None,
    strength: Annotated[float, typer.Option(help="Strength of the edits; 1 as solved.")] = 1.0,
    side_by_side: Annotated[
        bool,
        typer.Option(help="Write original, reproduced and edited photograph side by side."),
    ] = False,
    enlarge: Annotated[
        int, typer.Option(help="Factor by which the written picture is enlarged.", min=1, max=32)
    ] = 1,
    box: Annotated[
        str | None,
        typer.Option(help="The face in the photograph: left,top,size in pixels. [searched for]"),
    ] = None,
    inverted: Annotated[
        Path | None,
        typer.Option(
            help="Inverted photograph to write, or to reuse if it is of the same photograph and"
            " settings. [beside --out]"
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="File of the generator's weights, or the name of a shipped model. [photo_faces]"
        ),
    ] = None,
    segmenter: Annotated[
        Path | None,
        typer.Option(help="Segmenter whose features compare images. [beside the weights]"),
    ] = None,
    encoder: Annotated[
        Path | None,
        typer.Option(help="Encoder that gives the start. [beside the weights, if there]"),
    ] = None,
    framing: Annotated[
        Path | None,
        typer.Option(help="Network that finds the face. [beside the weights, if there]"),
    ] = None,
    above: Annotated[
        int | None,
        typer.Option(help="Adapt the weights above this layer. [6, or the highest edit's layer]"),
    ] = None,
    device: Device = "cpu",
) -> None:
    """Invert a photograph, adapt the generator, apply edits.

    It writes the picture, and the inverted photograph beside it, so that further edits take
    seconds.

      palimpsest photo me.jpg --edit photo_smile.safetensors --out me-smiling.png
    """
    # imported here, so that --help is quick
    from palimpsest.commands.sheets import check_picture
    from palimpsest.photographs.own_photograph import Studio
    from palimpsest.photographs.settings import LOWEST_ABOVE

    check_picture(out)
    weights = _generator_of_photographs(weights)
    studio = Studio.open(
        weights,
        segmenter or _segmenter_beside(weights),
        encoder,
        framing or _if_there(weights.with_name(f"{weights.stem}-framing.safetensors")),
        computing_device(device),
    )
    if encoder is None:
        studio = studio.with_encoder_if_fitting(weights.with_name(f"{weights.stem}-{ENCODER}"))
    edits = studio.edits(edit or [])
    layers = [LOWEST_ABOVE, *(one.layer for one in edits)]
    chosen = max(layers) if above is None else above
    if too_high := [one.layer for one in edits if one.layer > chosen]:
        raise EditError(f"--above {chosen}: an edit changes layer {too_high[0]}; give that number")
    pixels = studio.read(photograph, box)
    kept = inverted or out.with_suffix(".safetensors")
    found = studio.invert(pixels, kept, above=chosen)
    pictures = studio.pictures(pixels, found, edits, strength)
    _write(np.concatenate(pictures, axis=1) if side_by_side else pictures[-1], enlarge, out)
    typer.echo(studio.summary(found), err=True)


def editor(
    model: Annotated[
        str | None,
        typer.Option(help="Model of params.yaml to open. [that of the last draft, or the first]"),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Generator file to open instead of the models of params.yaml."),
    ] = None,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on; any but the loopback also needs a token."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 for any free one.", min=0, max=65535)
    ] = 8000,
    token: Annotated[
        str | None,
        typer.Option(help="Token that a browser must have. [a random one if not on the loopback]"),
    ] = None,
    drafts: Annotated[
        Path | None, typer.Option(help="Folder of the drafts. [results/editor]")
    ] = None,
    threads: Annotated[
        int,
        typer.Option(
            help="Threads of each computation; other numbers than 1 round otherwise.", min=1
        ),
    ] = 1,
    of_class: OneClass = None,
    estimate_mean: EstimateMean = False,
    network: Network = None,
    z_dim: ZDim = None,
) -> None:
    """Open the editor in the browser.

    Copy, paste and context are painted there, and every picture follows. Ctrl+C ends it; drafts
    are kept.

      palimpsest editor --model church
      palimpsest editor --weights my_stylegan2.pt --port 8080
      palimpsest editor --network my_models:make_gan --weights gan.pt
    """
    # set before PyTorch starts its threads: with more threads than free processors they wait
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    from palimpsest.pipeline.editor_running import run_editor

    run_editor(
        model, weights, host, port, token, drafts, threads, of_class, estimate_mean, network, z_dim
    )


def _generator_of_photographs(given: Path | None) -> Path:
    if given is None and checkout() is None:
        raise ParameterError(f"{NO_CHECKOUT}; give the file of a StyleGAN2 with --weights")
    return weights_called(given or Path(SHIPPED))


def _segmenter_beside(weights: Path) -> Path:
    beside = weights.with_name(f"{weights.stem}-parts.safetensors")
    if not beside.is_file():
        raise ParameterError(
            f"{beside}: no such file; give a segmenter, whose features compare pictures, with "
            "--segmenter"
        )
    return beside


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _write(pixels: np.ndarray, enlarge: int, out: Path) -> None:
    picture = Image.fromarray(pixels)
    size = (enlarge * picture.width, enlarge * picture.height)
    with atomic_path(out) as path:
        picture.resize(size, Image.Resampling.BICUBIC).save(path)


COMMANDS = {
    "info": info,
    "samples": samples,
    "advise": advise,
    "statistics": statistics,
    "rewrite": rewrite,
    "search": search,
    "units": units,
    "direction": direction,
    "apply": apply,
    "edits": EDITS,
    "export": export,
    "photo": photo,
    "editor": editor,
}


def main(arguments: list[str] | None = None) -> None:
    """Run the command that ``arguments`` name, by default the command line's."""
    about = "Rewrite a rule inside the weights of a trained image generator."
    run_commands(COMMANDS, about, f"palimpsest {__version__}", arguments)
