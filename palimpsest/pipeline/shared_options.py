"""Options that several stages share, each with one help text.

    def main(weights: Weights, seed: Seed = 3, samples: Samples = 1000) -> None: ...

Files that a stage writes, and options of one stage alone, are declared in the stage.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[str, typer.Option(help="Name of the generator, written to the output.")]
Weights = Annotated[Path, typer.Option(help="Weights of the unedited generator.")]
Truncation = Annotated[
    float, typer.Option(help="Truncation of the generator, from 0 to 1 (no truncation).")
]
StatisticsFile = Annotated[Path, typer.Option(help="Key statistics of the edited layer.")]
SegmenterFile = Annotated[Path, typer.Option(help="Segmenter that labels the images.")]
ComparingSegmenter = Annotated[Path, typer.Option(help="Segmenter whose features compare images.")]
SessionFile = Annotated[Path, typer.Option(help="Session file: copy, paste and context.")]
Drawings = Annotated[
    str, typer.Option(help="Group of drawings, such as photo_faces. [the segmenter's world]")
]
WorldName = Annotated[str, typer.Option(help="Name of the world that the generator learned.")]

Archive = Annotated[Path, typer.Option(help="Zip archive of the photographs.")]
PartsFile = Annotated[Path, typer.Option(help="Segmenter of the mouth, with the backbone.")]
ReferenceFile = Annotated[Path, typer.Option(help="Statistics of the held-out photographs.")]

LearnedWorld = Annotated[str, typer.Option(help="Name of the world to learn.")]
RecipeJson = Annotated[
    str,
    typer.Option(
        help="Settings of the training, as JSON; the main ones: resolution, scenes, steps,"
        " seed. Those left out have their defaults."
    ),
]
GradedRenders = Annotated[int, typer.Option(help="Number of held-out renders for grading.")]
Minutes = Annotated[float, typer.Option(help="Minutes after which to stop; run again to resume.")]
CheckpointFile = Annotated[Path, typer.Option(help="Checkpoint to resume from and to write.")]
CheckpointBeside = Annotated[
    Path | None,
    typer.Option(help="Checkpoint to resume from and to write. [beside --out]"),
]

Edits = Annotated[
    list[str],
    typer.Option(help="METHOD=FILE: an edit, or the weights of an edited generator; repeatable."),
]
Measurements = Annotated[Path, typer.Option(help="Measurements to write (.parquet).")]
TableFile = Annotated[Path, typer.Option(help="Table to write (.csv).")]
PanelFile = Annotated[Path, typer.Option(help="Panel of the figure to write (.npz).")]
PaperFile = Annotated[
    Path | None, typer.Option(help="Table of the paper's own figures (.csv), copied beside ours.")
]
PaintedFile = Annotated[
    Path | None,
    typer.Option(help="Painted scenes; used in place of the world's slots and reflections."),
]

Samples = Annotated[int, typer.Option(help="Number of measured samples.", min=1)]
Seed = Annotated[int, typer.Option(help="Random seed of the measured samples.", min=0)]
Batch = Annotated[
    int, typer.Option(help="Images per batch; changes results by rounding only.", min=1)
]
FittedBatch = Annotated[
    int | None,
    typer.Option(
        help="Images per batch; changes results by rounding only. [by image size, or GPU memory]",
        min=1,
    ),
]
IntervalsJson = Annotated[
    str, typer.Option(help="Confidence intervals, as JSON: level, resamples, seed.")
]

ChangeJson = Annotated[
    str,
    typer.Option(
        help="Classes that the edit changes (source) and that they may become (targets), as JSON."
    ),
]
ImageMethods = Annotated[
    str, typer.Option(help="Methods that change images, with their settings, as JSON.")
]

Perceptual = Annotated[
    str,
    typer.Option(
        help="Perceptual distance: lpips-alex, encoder (of the segmenter), or best (LPIPS if its"
        " weights are available)."
    ),
]
AlexNet = Annotated[
    Path | None, typer.Option(help="AlexNet weights for LPIPS. [torchvision's cache folder]")
]
CriticFile = Annotated[
    Path | None, typer.Option(help="Critic on the segmenter's encoder (.safetensors). [none]")
]
Inception = Annotated[
    Path | None, typer.Option(help="Inception weights for image features. [the segmenter's]")
]
HalfPrecision = Annotated[
    bool, typer.Option("--half-precision", help="Draw the layers after an edit in bfloat16.")
]
Scale = Annotated[str, typer.Option(help="Name of the scale, written to each row.")]
