"""Draw copy-paste-context sessions from the labels of generated samples, one file for each.

    python -m stages.draw_sessions --model church --weights church.safetensors \
        --segmenter church-segmenter.safetensors --layer 6 --seed 1 --out-dir sessions
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.commands import run
from palimpsest.errors import ParameterError
from palimpsest.generators import load_generator
from palimpsest.instruments.segmenter import Segmenter
from palimpsest.sessions import DRAWINGS, draw, survey_samples


def main(
    weights: Annotated[Path, typer.Option(help="The generator.")],
    segmenter: Annotated[Path, typer.Option(help="What labels its images.")],
    out_dir: Annotated[Path, typer.Option(help="Folder of the session files.")],
    model: Annotated[str, typer.Option(help="Name of the generator, kept in the session.")],
    layer: Annotated[int, typer.Option(help="The layer whose rule changes.")],
    session: Annotated[
        list[str] | None, typer.Option(help="What to draw; give it again for more. [all]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the stream of samples.")] = 1,
    n: Annotated[int, typer.Option(help="Length of the stream of samples.")] = 1000,
    samples: Annotated[int, typer.Option(help="How many of its first samples to look at.")] = 400,
    truncation: Annotated[float, typer.Option(help="Truncation of the generator.")] = 1.0,
) -> None:
    names = session or list(DRAWINGS)
    if unknown := sorted(set(names) - DRAWINGS.keys()):
        raise ParameterError(f"--session: {unknown[0]} is none of {', '.join(DRAWINGS)}")
    if not 1 <= samples <= n:
        raise ParameterError(f"--samples: {samples} is outside 1 to {n}, the stream's length")
    generator = load_generator(weights, truncation=truncation)
    if layer not in generator.layers:
        known = f"{generator.layers[0]} to {generator.layers[-1]}"
        raise ParameterError(f"--layer: {weights} has no layer {layer}; it has {known}")
    survey = survey_samples(generator, Segmenter.load(segmenter), layer, samples, seed)
    # all are drawn before any is written: a session that fails leaves no half of a set
    drawn = [draw(name, survey, model=model, layer=layer, seed=seed, n=n) for name in names]
    for one in drawn:
        one.save(out_dir / f"{one.name}.json")
        first = one.exemplars[0]
        print(
            f"{one.name}: {len(one.exemplars)} exemplars, {len(one.context)} places of context; "
            f"first copied from sample {first.object.sample} to {first.paste.sample}"
        )


if __name__ == "__main__":
    run(main)
