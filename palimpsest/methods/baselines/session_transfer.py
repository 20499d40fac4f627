"""Neural Best-Buddies as rows of Tables 1 and 2: a session's pasted picture brought into others.

    settings = transfer_settings({"patches": [5, 3, 3, 3], ..., "levels": 6})
    methods = transfer_methods(generator, session, segmenter, ("copy", "laplace"), settings)
    methods["nbb_copy"](images)             # (B, 3, R, R)

What `image_transfer` brings is the region of the session's first exemplar as pasted into its target
(`pasting`), the same goal that fine-tuning all weights has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators import Generator
from palimpsest.instruments import Segmenter
from palimpsest.methods.baselines.best_buddies import MatchingSettings
from palimpsest.methods.baselines.image_transfer import BestBuddiesTransfer, TransferSettings
from palimpsest.methods.baselines.pasting import paste_image
from palimpsest.sessions import Session

OF_WARP = ("alpha", "grid", "levels")
"""Settings of the warp and the blend; the others are of the matching."""

OF_MATCHING = ("patches", "radii", "activation", "border", "per_level")


def transfer_settings(values: Mapping[str, Any]) -> TransferSettings:
    """Settings by name. Raises `ParameterError` for an unknown one, or one out of range."""
    if unknown := sorted(set(values) - {*OF_WARP, *OF_MATCHING}):
        raise ParameterError(
            f"best buddies have no setting {unknown[0]!r}; they have "
            f"{', '.join((*OF_MATCHING, *OF_WARP))}"
        )
    matching = {name: values[name] for name in OF_MATCHING if name in values}
    for name in ("patches", "radii"):
        if name in matching:
            matching[name] = tuple(matching[name])
    warp = {name: values[name] for name in OF_WARP if name in values}
    return TransferSettings(matching=MatchingSettings(**matching), **warp)


def transfer_methods(
    generator: Generator,
    session: Session,
    segmenter: Segmenter,
    blends: Sequence[str],
    settings: TransferSettings,
) -> dict[str, Callable[[Tensor], Tensor]]:
    """By method, ``nbb_<blend>``: what brings the session's object into images (B, 3, R, R)."""
    pasted = paste_image(generator, session)
    bring = BestBuddiesTransfer(segmenter.features, pasted.image, pasted.alpha, settings)
    return {f"nbb_{blend}": partial(_edited, bring, blend) for blend in blends}


def _edited(bring: BestBuddiesTransfer, blend: str, images: Tensor) -> Tensor:
    edited, _ = bring.transfer(images, blend)
    return edited
