"""An edit without a generator: the changed part of one picture is warped into all others.

    pasted = paste_image(generator, session)
    transfer = BestBuddiesTransfer(segmenter.features, pasted.image, pasted.alpha)
    images, found = transfer.transfer(originals, blend="laplace")

The comparison of the paper's section 5.1 (Table 2, `nbb_copy` and `nbb_laplace`): best buddies
(`best_buddies`) between an image and the donor, a rigid moving least squares warp through them
(`moving_least_squares`), and the donor's region blended in where the warp places it. An image
without correspondences is not changed. `align` does everything but the blending, once for both
blends.

Images are (B, 3, H, W) in [-1, 1], masks (H, W) in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.pictures import check_images
from palimpsest.methods.baselines.best_buddies import Pairs, best_buddies
from palimpsest.methods.baselines.best_buddies_settings import TransferSettings
from palimpsest.methods.baselines.moving_least_squares import deformation_field

Features = Callable[[Tensor], Sequence[Tensor]]

BLENDS = ("copy", "laplace")


@dataclass(frozen=True)
class Aligned:
    """The donor warped onto each image: ``donor`` (B, 3, H, W), ``mask`` (B, 1, H, W) in [0, 1].

    ``found`` (B,) bool: whether there were correspondences; if not, the mask is 0.
    ``pairs``: the correspondences.
    """

    donor: Tensor
    mask: Tensor
    found: Tensor
    pairs: Pairs


class BestBuddiesTransfer:
    """Warps the region ``donor_mask`` (H, W) of ``donor_image`` (1, 3, H, W) into other images.

    Args:
        features: images (B, 3, H, W) to maps (B, C_i, H / 2^i, W / 2^i), finest first.

    Raises:
        ParameterError: a mask that covers nothing.
        ValueError: an image or mask of another shape, or a mask outside [0, 1].
    """

    def __init__(
        self,
        features: Features,
        donor_image: Tensor,
        donor_mask: Tensor,
        settings: TransferSettings | None = None,
    ) -> None:
        check_images(donor_image)
        if len(donor_image) != 1 or donor_mask.shape != donor_image.shape[2:]:
            raise ValueError(
                f"one donor (1, 3, H, W) and its mask (H, W), not {tuple(donor_image.shape)} "
                f"and {tuple(donor_mask.shape)}"
            )
        if not ((donor_mask >= 0) & (donor_mask <= 1)).all():
            raise ValueError("the donor's mask must lie in [0, 1]")
        if not (donor_mask > 0.5).any():
            raise ParameterError("the donor's mask covers no pixel: nothing could be transferred")
        self.settings = settings or TransferSettings()
        self._features = features
        self._image = donor_image.float()
        self._mask = donor_mask.float()
        self._last: tuple[Tensor, Aligned] | None = None
        with torch.no_grad():
            self._maps = [one.detach() for one in features(self._image)]

    @torch.no_grad()
    def align(self, images: Tensor) -> Aligned:
        """Find correspondences with ``images`` (B, 3, H, W), and warp the donor onto them.

        Raises `ValueError` for images of another size than the donor.
        """
        check_images(images)
        size = tuple(images.shape[2:])
        if size != tuple(self._image.shape[2:]):
            raise ValueError(f"images of {size} pixels for a donor of {tuple(self._mask.shape)}")
        pairs = best_buddies(self._features(images), self._maps, size, self.settings)
        batch = len(images)
        found = torch.bincount(pairs.image, minlength=batch) > 0
        donor, mask = torch.zeros_like(images), torch.zeros_like(images[:, :1])
        if found.any():
            source, target, counts = (one[found] for one in _padded(pairs, batch))
            field_ = deformation_field(
                source, target, size, self.settings.grid * max(size), self.settings.alpha, counts
            )
            # beyond its edges the donor is mirrored, but is never part of the region
            donor[found] = look_up(self._image, field_, "reflection")
            mask[found] = look_up(self._mask[None, None], field_, "zeros")
        return Aligned(donor, mask, found, pairs)

    def blend(self, images: Tensor, aligned: Aligned, blend: str) -> Tensor:
        """``images`` with the aligned region in them. Raises `ParameterError` for another blend."""
        if blend == "copy":
            mixed = copy_blend(images, aligned.donor, aligned.mask)
        elif blend == "laplace":
            mixed = laplacian_blend(images, aligned.donor, aligned.mask, self.settings.levels)
        else:
            raise ParameterError(f"blend {blend!r} is none of {', '.join(BLENDS)}")
        # rounding must not change an image into which nothing was blended
        touched = aligned.mask.amax((1, 2, 3)) > 0
        return torch.where(touched[:, None, None, None], mixed, images)

    def transfer(self, images: Tensor, blend: str = "copy") -> tuple[Tensor, Tensor]:
        """The edited ``images`` (B, 3, H, W), and which of them had correspondences: (B,) bool.

        Called again with the same tensor, as for another blend, it reuses the alignment.
        """
        if blend not in BLENDS:
            raise ParameterError(f"blend {blend!r} is none of {', '.join(BLENDS)}")
        if self._last is None or self._last[0] is not images:
            self._last = images, self.align(images)
        aligned = self._last[1]
        return self.blend(images, aligned, blend), aligned.found


def look_up(image: Tensor, where: Tensor, beyond: str) -> Tensor:
    """``image`` (1, C, H, W) at the points ``where`` (B, h, w, 2), (row, column): (B, C, h, w).

    Bilinear. ``beyond`` the edges: "zeros", "border" or "reflection".
    """
    sides = torch.tensor(image.shape[2:], dtype=where.dtype, device=where.device)
    span = (2 * where / (sides - 1) - 1).flip(-1).to(image.dtype)  # torch wants (x, y)
    return F.grid_sample(
        image.expand(len(where), -1, -1, -1), span, "bilinear", beyond, align_corners=True
    )


def copy_blend(images: Tensor, donor: Tensor, mask: Tensor) -> Tensor:
    """``donor`` where ``mask`` (B, 1, H, W) is 1, ``images`` where it is 0, mixed in between."""
    return torch.where(mask > 0, images + mask * (donor - images), images)


def laplacian_blend(images: Tensor, donor: Tensor, mask: Tensor, levels: int) -> Tensor:
    """``images`` and ``donor`` mixed band by band of a Laplacian pyramid (Burt, Adelson).

    Each band is mixed by the mask at the resolution of that band. ``levels`` counts the bands and
    the remaining coarse picture; it stops before a side falls below 2 pixels. Shapes as for
    `copy_blend`.
    """
    mixed = [
        _blend_one(*(_rows_columns(one) for one in parts), levels)
        for parts in zip(images, donor, mask, strict=True)
    ]
    stacked = torch.from_numpy(np.stack(mixed)).permute(0, 3, 1, 2)
    return stacked.to(images.device).contiguous()


def _blend_one(image: np.ndarray, donor: np.ndarray, mask: np.ndarray, levels: int) -> np.ndarray:
    bands = []
    while len(bands) < levels - 1 and min(image.shape[:2]) >= 4:
        finer = image, donor, mask
        image, donor, mask = (_at_least_3d(cv2.pyrDown(one)) for one in finer)
        size = finer[0].shape[1::-1]
        band, donor_band = (
            was - cv2.pyrUp(now, dstsize=size)
            for was, now in zip(finer[:2], (image, donor), strict=True)
        )
        bands.append(band + finer[2] * (donor_band - band))
    mixed = image + mask * (donor - image)
    for band in reversed(bands):
        mixed = band + cv2.pyrUp(mixed, dstsize=band.shape[1::-1])
    return mixed


def _at_least_3d(image: np.ndarray) -> np.ndarray:
    """The image with the channel axis that OpenCV drops for a single channel."""
    return image if image.ndim == 3 else image[:, :, None]


def _rows_columns(image: Tensor) -> np.ndarray:
    return np.ascontiguousarray(image.detach().cpu().float().permute(1, 2, 0).numpy())


def _padded(pairs: Pairs, batch: int) -> tuple[Tensor, Tensor, Tensor]:
    """Points (B, N, 2) of images and donor, and which of the N are pairs (B, N), 0 or 1."""
    numbers = torch.bincount(pairs.image, minlength=batch)
    place = torch.cat([torch.arange(n, device=numbers.device) for n in numbers.tolist()])
    shape = (batch, int(numbers.max()))
    source = pairs.a.new_zeros(*shape, 2)
    target, counts = torch.zeros_like(source), pairs.a.new_zeros(shape)
    source[pairs.image, place], target[pairs.image, place] = pairs.a, pairs.b
    counts[pairs.image, place] = 1
    return source, target, counts
