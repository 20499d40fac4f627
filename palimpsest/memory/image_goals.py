"""Goals in images: what a changed layer should make of some samples.

goals = ImageGoals(states, wanted, weights)
goals.error(layer, weight, [0, 3])        # a scalar, differentiable in the weight
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from palimpsest.generators.base import KeyState, Layer, joined


@dataclass(frozen=True)
class ImageGoals:
    """Keys of n samples, one state for each, and the images (n, C, H, W) that are wanted of them.

    ``weights``: of each pixel (n, 1, H, W), or of all of an image (n, 1, 1, 1).
    """

    states: tuple[KeyState, ...]
    images: Tensor
    weights: Tensor

    @classmethod
    def unweighted(cls, states: Sequence[KeyState], images: Tensor) -> ImageGoals:
        """Goals whose pixels all count alike."""
        return cls(tuple(states), images, images.new_ones(len(images), 1, 1, 1))

    def __len__(self) -> int:
        return len(self.states)

    def error(self, layer: Layer, weight: Tensor, numbers: Sequence[int]) -> Tensor:
        """Mean of weight times |difference| over the pixels of the samples of these numbers.

        ``weight`` (M, N, kh, kw): of the layer, changed. The error is a scalar, and its gradient is
        that of the layer's weight.
        """
        chosen = list(numbers)
        made = layer.render(layer.values(joined([self.states[i] for i in chosen]), weight))
        return ((made - self.images[chosen]).abs() * self.weights[chosen]).mean()
