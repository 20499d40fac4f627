"""The judges' page of the realism study: one HTML file that embeds everything it needs.

    judged, reference = pick(methods, against="unmodified")
    z = sample_z(g, 1000, seed=3)
    shots = take_shots(g, judged, reference, pairs=50, z=z, order_seed=0)
    study, content = make_study(shots, against="unmodified", seed=3, order_seed=0)
    write_key(study, "key.csv")
    html = render_study(content)

The page shows pair after pair, keeps the answers in the browser, and saves them as CSV for
`study.read_answers`. It is rendered from a `PageContent`, which holds only pictures and neutral
names, so the page does not reveal which picture is which: methods, samples and sides are in the key
alone. Pictures are PNG without metadata, and no picture occurs twice.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.experiments.comparison.measure import (
    ChangedImages,
    RewrittenGenerator,
    before_and_after,
)
from palimpsest.experiments.realism.study import Study, deal_samples, pair_up
from palimpsest.files.html import picture_data_url, render_template
from palimpsest.generators import Generator
from palimpsest.generators.pictures import as_picture
from palimpsest.methods.registry import UNMODIFIED

TEMPLATE = Path(__file__).with_name("study.html.j2")


@dataclass(frozen=True)
class Shot:
    """A sample by a method and by what it is compared with: pictures (H, W, 3) uint8."""

    sample: int
    edited: np.ndarray
    other: np.ndarray


@dataclass(frozen=True)
class PageContent:
    """The page's content: of each pair its id and the pictures left and right, as PNG.

    ``untouched``: one picture of each pair is unedited, and judges are asked which one; otherwise
    they are asked which looks more real.
    """

    study: str
    pairs: tuple[tuple[str, bytes, bytes], ...]
    width: int
    height: int
    untouched: bool


def pick(
    methods: Sequence[RewrittenGenerator | ChangedImages], against: str
) -> tuple[list[RewrittenGenerator | ChangedImages], RewrittenGenerator | ChangedImages | None]:
    """The methods to be judged, and the one they are compared with (None: the unedited images).

    Raises `ParameterError` where ``against`` is neither `unmodified` nor one of ``methods``, or
    where a method is called `unmodified`.
    """
    if any(method.name == UNMODIFIED for method in methods):
        raise ParameterError(
            f"an edit called {UNMODIFIED!r}: that is the name of the unedited generator"
        )
    judged = [method for method in methods if method.name != against]
    if against == UNMODIFIED:
        return judged, None
    for method in methods:
        if method.name == against:
            return judged, method
    names = ", ".join([UNMODIFIED, *(method.name for method in methods)])
    raise ParameterError(f"against = {against!r} is none of {names}")


def take_shots(
    generator: Generator,
    methods: Sequence[RewrittenGenerator | ChangedImages],
    against: RewrittenGenerator | ChangedImages | None,
    *,
    pairs: int,
    z: Tensor,
    order_seed: int,
    least_change: float = 0.0,
    batch: int = 16,
    progress: Callable[[int], None] | None = None,
) -> dict[str, list[Shot]]:
    """``pairs`` shots of each method, of samples drawn at random from ``z`` (n, z_dim).

    Each method gets separate samples; the first ones that changed by ``least_change`` are taken:
    the mean absolute difference of the two pictures, in levels of 0 to 255. Pairs of equal pictures
    are never shown. ``progress`` is called with the number of shots taken since its last call.

    Raises `ParameterError` for numbers out of range, or too few changed samples.
    """
    if min(pairs, batch) < 1 or not 0 <= least_change < 255:
        raise ParameterError(
            f"pairs = {pairs}, batch = {batch}, least change = {least_change}; at least 1, 1 and "
            "0 (below 255) are needed"
        )
    hands = deal_samples([method.name for method in methods], len(z), order_seed)
    shots: dict[str, list[Shot]] = {}
    for method in methods:
        hand, taken = hands[method.name], []
        for first in range(0, len(hand), batch):
            numbers = hand[first : first + batch]
            found = _shots(generator, method, against, z, numbers, least_change)
            found = found[: pairs - len(taken)]
            taken += found
            if progress is not None:
                progress(len(found))
            if len(taken) == pairs:
                break
        else:
            enough = f" by {least_change:g} levels or more" if least_change else ""
            raise ParameterError(
                f"{method.name}: {len(taken)} of its {len(hand)} samples changed{enough}, but "
                f"{pairs} pairs are needed; take more samples, fewer pairs or a smaller change"
            )
        shots[method.name] = taken
    return shots


def _shots(
    generator: Generator,
    method: RewrittenGenerator | ChangedImages,
    against: RewrittenGenerator | ChangedImages | None,
    z: Tensor,
    numbers: Sequence[int],
    least_change: float,
) -> list[Shot]:
    """Shots of those of the samples ``numbers`` whose two pictures differ enough."""
    compared = [method] if against is None else [method, against]
    before, afters = before_and_after(generator, compared, z[torch.tensor(numbers)])
    images = dict(afters)
    edited = as_picture(images[method.name])
    other = as_picture(before if against is None else images[against.name])
    change = np.abs(edited.astype(np.int16) - other).mean((1, 2, 3))
    return [
        Shot(number, edited[i], other[i])
        for i, number in enumerate(numbers)
        if change[i] > 0 and change[i] >= least_change
    ]


def make_study(
    shots: Mapping[str, Sequence[Shot]], *, against: str, seed: int, order_seed: int
) -> tuple[Study, PageContent]:
    """The key and the page's content, with the random order and sides of ``order_seed``.

    The study's id is a hash of what the page shows: it identifies key, page and answers of one
    study, without revealing methods or sides.

    Args:
        shots: by method, as `take_shots` gives them; pictures of one size.
        against: `unmodified`, or the method that all are compared with.
        seed: seed of the samples, stored in the key.
    """
    pairs = pair_up({name: [shot.sample for shot in of] for name, of in shots.items()}, order_seed)
    shot_of = {(name, shot.sample): shot for name, of in shots.items() for shot in of}
    shown = []
    for pair in pairs:
        shot = shot_of[pair.method, pair.sample]
        edited, other = _png(shot.edited), _png(shot.other)
        sides = (edited, other) if pair.left_is_edited else (other, edited)
        shown.append((pair.id, *sides))
    height, width = shot_of[pairs[0].method, pairs[0].sample].edited.shape[:2]
    digest = hashlib.sha256()
    for name, left, right in shown:
        for part in (name.encode(), left, right):
            digest.update(hashlib.sha256(part).digest())
    study = Study(digest.hexdigest()[:16], against, seed, pairs)
    return study, PageContent(study.id, tuple(shown), width, height, against == UNMODIFIED)


def render_study(content: PageContent) -> str:
    """The page's HTML, with embedded pictures, style and script."""
    return render_template(
        TEMPLATE,
        study=content.study,
        pairs=[
            (name, picture_data_url(left), picture_data_url(right))
            for name, left, right in content.pairs
        ],
        width=content.width,
        height=content.height,
        untouched=content.untouched,
    )


def _png(picture: np.ndarray) -> bytes:
    """A picture (H, W, 3) uint8 as PNG without metadata."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG")
    return file.getvalue()
