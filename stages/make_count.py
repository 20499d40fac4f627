"""A count of watermarks by people: the page for raters, and the key (which method made an image).

    python -m stages.make_count --weights church.safetensors \
        --edit rank_one=rank_one.safetensors --edit zero_30_units=zero_30_units.safetensors \
        --samples 1000 --seed 3 --images 1000 --key key.csv --out count.html

Send the page to the raters, never the key. Keep both with the files they send back, for
``stages.tabulate_watermarks``. Marks are valid only for the images that were shown: a page made
again on another machine, or with a new edit, is another count.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from tqdm import tqdm

from palimpsest.errors import ParameterError
from palimpsest.experiments.comparison.measure import load_method
from palimpsest.experiments.watermarks.count import deal_images, write_count_key
from palimpsest.experiments.watermarks.count_page import make_count, render_count
from palimpsest.files.atomic import atomic_write_text
from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.pictures import as_picture
from palimpsest.methods.registry import UNMODIFIED
from palimpsest.pipeline import shared_options as shared
from palimpsest.pipeline.commands import named_files, run
from palimpsest.pipeline.devices import Device, computing_device


def main(
    weights: shared.Weights,
    edit: shared.Edits,
    key: Annotated[Path, typer.Option(help="Key of the count to write (.csv); not for raters.")],
    out: Annotated[Path, typer.Option(help="Page for the raters to write (.html).")],
    samples: shared.Samples = 1000,
    seed: shared.Seed = 3,
    images: Annotated[
        int, typer.Option(help="Number of images on the page, of all methods together.", min=1)
    ] = 1000,
    order_seed: Annotated[
        int, typer.Option(help="Random seed of the choice and order of the images.", min=0)
    ] = 0,
    batch: shared.Batch = 16,
    truncation: shared.Truncation = 1.0,
    device: Device = "cpu",
) -> None:
    """Write a page on which people mark visible watermarks, and its key."""
    if key.resolve() == out.resolve():
        raise ParameterError(f"--key and --out are both {key}; raters must not get the key")
    place = computing_device(device)
    generator = load_generator(weights, truncation=truncation).to(place)
    methods = {UNMODIFIED: generator}
    for name, file in named_files("--edit", edit).items():
        methods[name] = load_method(name, file, generator).generator
    shown = deal_images(list(methods), samples=samples, images=images, seed=order_seed)
    z = sample_z(generator, samples, seed)
    pictures: list[np.ndarray | None] = [None] * len(shown)
    with torch.no_grad(), tqdm(total=len(shown), desc="count", unit="image", mininterval=2) as bar:
        for name, changed in methods.items():
            places = [number for number, one in enumerate(shown) if one.method == name]
            for first in range(0, len(places), batch):
                part = places[first : first + batch]
                made = as_picture(changed(z[[shown[number].sample for number in part]]))
                for number, picture in zip(part, made, strict=True):
                    pictures[number] = picture
                bar.update(len(part))
    count, content = make_count(shown, [one for one in pictures if one is not None], seed=seed)
    write_count_key(count, key)
    atomic_write_text(out, render_count(content))
    print(f"count {count.id}: {len(shown)} images in {out}; the key is {key}")


if __name__ == "__main__":
    run(main)
