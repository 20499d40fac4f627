"""Neural Best-Buddies on a session: its pasted object warped into other images.

    bring = object_transfer(generator, session, segmenter, TransferSettings())
    edited(bring, "copy", images)           # (B, 3, R, R)

The region that `image_transfer` warps is that of the session's first exemplar, pasted into its
target (`pasting`): the same goal that fine-tuning all weights has.
"""

from __future__ import annotations

from torch import Tensor

from palimpsest.generators import Generator
from palimpsest.instruments import Segmenter
from palimpsest.methods.baselines.best_buddies_settings import TransferSettings
from palimpsest.methods.baselines.image_transfer import BestBuddiesTransfer
from palimpsest.methods.baselines.pasting import paste_image
from palimpsest.sessions import Session


def object_transfer(
    generator: Generator, session: Session, segmenter: Segmenter, settings: TransferSettings
) -> BestBuddiesTransfer:
    """The transfer of the session's pasted object, by the features of the segmenter."""
    pasted = paste_image(generator, session)
    return BestBuddiesTransfer(segmenter.features, pasted.image, pasted.alpha, settings)


def edited(bring: BestBuddiesTransfer, blend: str, images: Tensor) -> Tensor:
    """``images`` (B, 3, R, R) with the object blended in; unchanged where nothing corresponds."""
    return bring.transfer(images, blend)[0]
