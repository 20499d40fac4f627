"""The raters' page of a count: one HTML file that embeds its images and sends nothing anywhere.

    count, content = make_count(shown, pictures, seed=3)
    write_count_key(count, "key.csv")
    html = render_count(content)

It shows sheets of images; a rater marks those with letters in the middle or at the bottom, and
saves a CSV for `count.read_marks_of_people`. It holds pictures and neutral names only.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from palimpsest.errors import ParameterError
from palimpsest.experiments.watermarks.count import Count, ShownImage
from palimpsest.files.html import picture_data_url, render_template

TEMPLATE = Path(__file__).with_name("count.html.j2")

QUALITY = 92
"""Of the WebP pictures: letters stay as visible, in a tenth of the bytes of PNG."""


@dataclass(frozen=True)
class CountContent:
    """The page's content: name and WebP picture of each image; ``sheet``: images on one sheet."""

    count: str
    images: tuple[tuple[str, bytes], ...]
    width: int
    height: int
    sheet: int


def make_count(
    shown: Sequence[ShownImage], pictures: Sequence[np.ndarray], *, seed: int, sheet: int = 20
) -> tuple[Count, CountContent]:
    """The key and the page's content.

    The count's id is a hash of what the page shows: it identifies key, page and raters' files.

    Args:
        shown: the images in the order of the page, as `deal_images` gives them.
        pictures: of each, (H, W, 3) uint8, of one size.
        seed: seed of the samples, stored in the key.

    Raises `ParameterError` for numbers of images and pictures that differ, or are 0.
    """
    if not shown or len(shown) != len(pictures) or sheet < 1:
        raise ParameterError(
            f"{len(shown)} images and {len(pictures)} pictures in sheets of {sheet}: give as many "
            "pictures as images, and at least one of each"
        )
    images = tuple((one.id, _webp(of)) for one, of in zip(shown, pictures, strict=True))
    digest = hashlib.sha256()
    for name, content in images:
        digest.update(name.encode() + hashlib.sha256(content).digest())
    count = Count(digest.hexdigest()[:16], seed, tuple(shown))
    height, width = pictures[0].shape[:2]
    return count, CountContent(count.id, images, width, height, sheet)


def render_count(content: CountContent) -> str:
    """The page's HTML, with embedded pictures, style and script."""
    return render_template(
        TEMPLATE,
        count=content.count,
        images=[(name, picture_data_url(data, "webp")) for name, data in content.images],
        width=content.width,
        height=content.height,
        sheet=content.sheet,
    )


def _webp(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="WEBP", quality=QUALITY)
    return file.getvalue()
