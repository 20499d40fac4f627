"""The published segmenter of unified perceptual parsing, assembled from its three files.

    python -m stages.assemble_parser --encoder encoder_epoch_40.pth --decoder decoder_epoch_40.pth \
        --labels labels.json --out upp-resnet50-upernet.safetensors
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.instruments.segmenters.unified_parser import assemble_parser
from palimpsest.pipeline.commands import run


def main(
    encoder: Annotated[Path, typer.Option(help="Encoder weights (encoder_epoch_40.pth).")],
    decoder: Annotated[Path, typer.Option(help="Decoder weights (decoder_epoch_40.pth).")],
    labels: Annotated[Path, typer.Option(help="Names of the classes (labels.json).")],
    out: Annotated[Path, typer.Option(help="Segmenter to write (.safetensors).")],
) -> None:
    """Check that the three files belong together, and write one segmenter file."""
    parser = assemble_parser(encoder, decoder, labels, out)
    counts = ", ".join(f"{count} {kind}s" for kind, count in parser.label_names.counts.items())
    print(f"{parser.name}: {counts}")


if __name__ == "__main__":
    run(main)
