"""Options that several commands share, each with one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Weights = Annotated[
    Path | None,
    typer.Option(help="File of the generator's weights, or the name of a shipped model."),
]
Network = Annotated[
    str | None,
    typer.Option(
        help="Function that makes another network, as module:function; --weights, if given, fills"
        " it."
    ),
]
ZDim = Annotated[
    int | None,
    typer.Option(help="Length of the input of --network. [the function's own]", min=1),
]
EditFiles = Annotated[
    list[Path], typer.Option("--edit", help="Edit to apply; repeatable, in order.")
]
Strengths = Annotated[
    list[float] | None,
    typer.Option(
        "--strength",
        help="Strength of all edits, or of each, in their order; 1 is the edit as solved. [1]",
    ),
]
PictureFile = Annotated[Path, typer.Option(help="Picture to write (.png).")]
Samples = Annotated[int, typer.Option(help="Number of samples shown.", min=1, max=1000)]
Seed = Annotated[int, typer.Option(help="Random seed of the samples.", min=0)]
SampleClasses = Annotated[
    list[int] | None,
    typer.Option(
        "--class",
        help="Class of a class-conditional generator's samples: one for all, or, repeated, one for"
        " each. [drawn by the seed]",
    ),
]
OneClass = Annotated[
    int | None,
    typer.Option(
        "--class",
        help="Class of all samples of a class-conditional generator. [drawn by the seed]",
    ),
]
Columns = Annotated[int, typer.Option(help="Samples in a row.", min=1, max=100)]
EstimateMean = Annotated[
    bool,
    typer.Option(
        "--estimate-mean",
        help="Estimate the mean latent, which truncation needs, from 10,000 samples if the file"
        " holds none.",
    ),
]
