"""The exemplar as an image: the result of copy and paste in an image editor.

Fine-tuning all weights (paper, section 5.1) pastes no features: its goal x* is the picture of the
object, cut out along its mask and pasted on the picture of the target sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy import ndimage
from torch import Tensor

from palimpsest.generators import Generator
from palimpsest.memory.goals import box_of
from palimpsest.sessions.opening import samples_of
from palimpsest.sessions.schema import Session

FEATHER = 1 / 128
"""Standard deviation of the Gaussian that softens the rim of a pasted object, in image sides."""


@dataclass(frozen=True)
class PastedImage:
    """``image`` x* (1, 3, R, R) for the sample ``z`` (1, z_dim); ``original`` is G(z).

    ``alpha`` (R, R) in [0, 1]: how much of each pixel is the pasted object.
    """

    z: Tensor
    image: Tensor
    original: Tensor
    alpha: Tensor


@torch.no_grad()
def paste_image(generator: Generator, session: Session, exemplar: int = 0) -> PastedImage:
    """The object of one exemplar of ``session`` pasted into its target, at image resolution.

    The middle of the object's box goes to the middle of the paste's box, as in the feature paste.
    An object that would leave the picture is shifted inside. Its rim is feathered.
    """
    drawn = session.exemplars[exemplar]
    size = generator.image_size
    numbers = [drawn.object.sample, drawn.paste.sample]
    z = samples_of(generator, session, max(numbers) + 1)[numbers]
    donor, original = (generator(row[None]) for row in z)
    stroke = drawn.object.area(size).double().numpy()
    soft = ndimage.gaussian_filter(stroke, FEATHER * generator.resolution, mode="nearest")
    soft[soft < 1 / 255] = 0
    top, left, bottom, right = box_of(soft)
    place = box_of(drawn.paste.area(size))
    height, width = bottom - top, right - left
    row = _inside((place[0] + place[2]) // 2 - height // 2, height, size[0])
    column = _inside((place[1] + place[3]) // 2 - width // 2, width, size[1])
    clip = donor[:, :, top:bottom, left:right]
    alpha = torch.zeros(size)
    alpha[row : row + height, column : column + width] = torch.from_numpy(
        soft[top:bottom, left:right]
    ).float()
    moved = torch.zeros_like(original)
    moved[:, :, row : row + height, column : column + width] = clip
    alpha = alpha.to(original)
    return PastedImage(z[1:], original + alpha * (moved - original), original, alpha)


def _inside(start: int, length: int, limit: int) -> int:
    return max(0, min(start, limit - length))
