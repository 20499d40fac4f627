"""`nbb_copy`, `nbb_laplace`: Neural Best-Buddies warp the pasted object into each image.

Correspondences between the session's pasted picture and an image, a warp through them, and the
warped object blended in, by copying or in a Laplacian pyramid. No weight changes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from palimpsest.methods.baselines.best_buddies_settings import TransferSettings
from palimpsest.methods.method import Method

if TYPE_CHECKING:
    from torch import Tensor

    from palimpsest.generators import Generator
    from palimpsest.instruments import Segmenter
    from palimpsest.sessions import Session


def bring_object(
    g: Generator,
    session: Session,
    segmenter: Segmenter,
    settings: TransferSettings,
    shared: dict[Any, Any],
    *,
    blend: str,
) -> Callable[[Tensor], Tensor]:
    """The function that warps the session's object into images (B, 3, H, W)."""
    from palimpsest.methods.baselines.session_transfer import edited, object_transfer

    if settings not in shared:  # both blends use the same correspondences
        shared[settings] = object_transfer(g, session, segmenter, settings)
    return partial(edited, shared[settings], blend)


NBB_COPY = Method(
    name="nbb_copy",
    about="Neural Best-Buddies, the object copied",
    makes="images",
    run=partial(bring_object, blend="copy"),
    settings=TransferSettings,
    section="best_buddies",
    label="Neural Best-Buddies, copied",
    figure_label="best buddies,\ncopied",
    in_paper=True,
    order=6,
)

NBB_LAPLACE = Method(
    name="nbb_laplace",
    about="Neural Best-Buddies, the object blended in a Laplacian pyramid",
    makes="images",
    run=partial(bring_object, blend="laplace"),
    settings=TransferSettings,
    section="best_buddies",
    label="Neural Best-Buddies, blended",
    figure_label="best buddies,\nblended",
    in_paper=True,
    order=7,
)
