"""Sheets of samples, of one generator or before and after its edits.

sheet_of([g], n=24, seed=1).save("church.png")
sheet_of([g, edit.apply(g)], n=8).save("spires.png")        # a row before, a row after
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image

from palimpsest.errors import ParameterError
from palimpsest.files.atomic import atomic_path
from palimpsest.generators import Generator
from palimpsest.generators.pictures import contact_sheet
from palimpsest.generators.samples import sample_z, z_batches


@torch.inference_mode()
def sheet_of(
    generators: Sequence[Generator],
    n: int,
    seed: int = 1,
    columns: int = 8,
    done: Callable[[int], None] = lambda _: None,
    classes: Sequence[int] | None = None,
) -> Image.Image:
    """The first ``n`` standard samples, ``columns`` in a row; of several generators, each row of
    the first is followed by the same samples of the others.

    Args:
        generators: they read the same z and make images of the same size.
        done: called with the number of finished samples.
        classes: of a class-conditional generator's samples: one for all, or one for each; those
            drawn by ``seed`` if None or empty.
    """
    rows, finished = [], 0
    columns = min(columns, n)
    given = classes[0] if classes and len(classes) == 1 else (classes or None)
    for z in z_batches(generators[0], n, seed, columns, given):
        for g in generators:
            # one at a time: memory does not depend on the width of the sheet
            row = torch.cat([g(one.to(g.device)).cpu() for one in z.split(1)])
            short = columns - len(row)
            rows.append(torch.cat([row, torch.ones(short, *row.shape[1:])]))
        finished += len(z)
        done(finished)
    return contact_sheet(torch.cat(rows), columns)


@torch.inference_mode()
def sheet_of_samples(
    g: Generator, samples: Sequence[int], seed: int = 1, columns: int = 8
) -> Image.Image:
    """These samples of a generator, in their order, ``columns`` in a row."""
    z = sample_z(g, max(samples) + 1, seed)
    images = torch.cat([g(z[one][None].to(g.device)).cpu() for one in samples])
    short = -len(images) % min(columns, len(images))
    blank = torch.ones(short, *images.shape[1:])
    return contact_sheet(torch.cat([images, blank]), min(columns, len(images)))


def check_picture(out: Path) -> None:
    """Raises `ParameterError` for a file name that is not that of a picture."""
    if out.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise ParameterError(f"--out: {out} is not a .png or .jpg file")


def save_picture(picture: Image.Image, out: Path) -> None:
    """Write a picture atomically, in the format that its name says."""
    with atomic_path(out) as path:
        picture.save(path, quality=95)
