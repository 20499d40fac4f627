"""`palimpsest edits` (list, compose, remove) and `palimpsest export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.commands.opening import Opening
from palimpsest.commands.options import EstimateMean, Network, Strengths, Weights, ZDim
from palimpsest.errors import EditError, ParameterError
from palimpsest.pipeline.commands import Group

EditOut = Annotated[Path, typer.Option(help="Edit to write (.safetensors).")]


def list_edits(
    files: Annotated[
        list[Path], typer.Argument(help="Edits, or folders, in which all edits are listed.")
    ],
) -> None:
    """List edits, with what each changes and how well.

    Columns: layer, rank, session, method, loss before and after, size, generator. Other files in a
    folder are left out.

      palimpsest edits list data/edits
    """
    # imported here, so that --help is quick
    from palimpsest.memory import Edit

    rows = [("layer", "rank", "session", "method", "loss", "KiB", "weights", "file")]
    for given in files:
        found = sorted(given.rglob("*.safetensors")) if given.is_dir() else [given]
        for file in found:
            try:
                edit = Edit.load(file)
            except EditError:
                if given.is_dir():
                    continue
                raise
            about = edit.metadata
            loss = " to ".join(
                f"{float(about[name]):.3g}"
                for name in ("loss_before", "loss_after")
                if about.get(name)
            )
            rows.append(
                (str(edit.layer), str(edit.rank), about.get("session", ""),
                 about.get("method", ""), loss, f"{edit.bytes / 1024:.0f}",
                 edit.weights_sha256[:12], str(file))
            )  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def compose(
    files: Annotated[list[Path], typer.Argument(help="Edits of one layer, in order.")],
    out: EditOut,
    strength: Strengths = None,
) -> None:
    """Write several edits of one layer as one edit.

    Edits of several layers need no composing: give all of them to `apply` or `export`.

      palimpsest edits compose spires.safetensors doors.safetensors --out both.safetensors
    """
    # imported here, so that --help is quick
    from palimpsest.memory import Edit
    from palimpsest.memory.composed_edits import composed
    from palimpsest.memory.several_edits import strength_of_each

    strengths = strength_of_each(files, strength or [1.0])
    edits = [Edit.load(file) for file in files]
    names = [file.stem for file in files]
    edit = composed(list(zip(names, edits, strengths, strict=True)))
    edit.save(out)
    typer.echo(f"{out}: layer {edit.layer}, rank {edit.rank}, from {len(files)} files", err=True)


def remove(
    file: Annotated[Path, typer.Argument(help="Edit that `compose` wrote.")],
    edit: Annotated[Path, typer.Option(help="Edit to take out of it.")],
    out: EditOut,
) -> None:
    """Write a composed edit without one of its edits.

    The others stay bit for bit.

      palimpsest edits remove both.safetensors --edit doors.safetensors --out spires.safetensors

    A generator's weights are never changed by applying an edit, so nothing is removed from them.
    """
    # imported here, so that --help is quick
    from palimpsest.memory import Edit
    from palimpsest.memory.composed_edits import without

    part = Edit.load(edit)
    try:
        left = without(Edit.load(file), part)
    except EditError as problem:
        raise EditError(
            str(problem) if str(file) in str(problem) else f"{file}: {problem}"
        ) from None
    left.save(out)
    typer.echo(f"{out}: layer {left.layer}, rank {left.rank}", err=True)


def export(
    out: Annotated[Path, typer.Option(help="Weights to write (.pt, .pkl or .safetensors).")],
    weights: Weights = None,
    edit: Annotated[
        list[Path] | None, typer.Option(help="Edit to write into them; repeatable, in order.")
    ] = None,
    strength: Strengths = None,
    estimate_mean: EstimateMean = False,
    network: Network = None,
    z_dim: ZDim = None,
) -> None:
    """Write a generator's weights with edits in them.

    Without --edit it converts one format to another; .pt is the common PyTorch layout, .pkl is for
    NVIDIA's code (stylegan2-ada-pytorch, stylegan3).

      palimpsest export --weights my_stylegan2.pt --edit hat.safetensors --out with-hats.pt

    Of a network of --network it writes the state dict, which the network's load_state_dict takes.
    """
    # imported here, so that --help is quick
    from palimpsest.memory.several_edits import export_edited

    edits = edit or []
    if strength and not edits:
        raise ParameterError("--strength: there is no --edit that it could be of")
    opening = Opening(weights, network, z_dim, estimate_mean)
    g = opening.generator()
    export_edited(g, edits, strength or [1.0], out, opening.file)
    typer.echo(f"{out}: {g.kind}, {g.resolution} pixels, edits: {len(edits)}", err=True)


EDITS = Group(
    "List, compose and remove edits.",
    {"list": list_edits, "compose": compose, "remove": remove},
)
