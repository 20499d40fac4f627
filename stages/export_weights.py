"""The weights of a generator with its edits applied, for other tools or for this one.

    python -m stages.export_weights --weights church.safetensors --edit dome2spire.safetensors \
        --out church-spires.safetensors
    python -m stages.export_weights --weights network.pkl --out network.pt

``.pt`` is the common PyTorch layout; see docs/own-model.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.generators import load_generator
from palimpsest.generators.checkpoints.exporting import beyond_clamp
from palimpsest.memory.several_edits import export_edited
from palimpsest.pipeline.commands import run


def main(
    weights: Annotated[
        Path, typer.Option(help="Weights of the generator, in any readable layout.")
    ],
    out: Annotated[Path, typer.Option(help="Weights to write (.pt, .pkl or .safetensors).")],
    edit: Annotated[
        list[Path] | None, typer.Option(help="Edit to apply; repeatable, in order.")
    ] = None,
    strength: Annotated[
        float, typer.Option(help="Strength of every edit; 1 is the edit as solved.")
    ] = 1.0,
) -> None:
    """Write the edited weights; the input file is not changed."""
    edits = edit or []
    generator = load_generator(weights)
    export_edited(generator, edits, [strength], out, weights)
    print(f"{out}: {generator.kind}, {generator.resolution} pixels, {len(edits)} edits")
    beyond = beyond_clamp(generator)
    if beyond:
        print(
            f"note: activations reach {beyond[0]:.0f}, and NVIDIA's code limits them to "
            f"{beyond[1]:.0f} (conv_clamp): its images differ from the ones made here"
        )


if __name__ == "__main__":
    run(main)
