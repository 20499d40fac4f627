"""The interface of every segmenter: class labels of each pixel, and the encoder's features.

    segmenter = load_segmenter("data/weights/mini/church-segmenter.safetensors")
    labels = segmenter.labels(images)          # (B, 3, H, W) in [-1, 1] to (B, H, W) int64
    segmenter.classes[labels[0, 10, 20]]       # "sky"
    segmenter.numbers("dome", "spire")         # all labels that these names stand for

`WorldSegmenter`, `PhotographParts`, `UnifiedParser` and `FaceParser` implement it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.map_layout import laid_out
from palimpsest.generators.pictures import check_images
from palimpsest.instruments.base import Instrument
from palimpsest.instruments.segmenters.cached_outputs import CachedOutputs, cached_outputs

LISTED = 40
"""An error lists all classes of a segmenter that has at most this many."""


class JudgeOfLooks(Protocol):
    """What a critic (`instruments.critics.critic`) is asked for."""

    def naturalness(self, images: Tensor | CachedOutputs) -> Tensor: ...

    def drop_of(self, before: Tensor, after: Tensor, place: Tensor) -> Tensor: ...


class Segmenter(Instrument):
    """A trained network that gives each pixel one of ``classes``, named in the order of labels.

    ``stride``: the sides of images must be multiples of it. ``critic``: judges how natural images
    look by the same encoder's maps; None without one.
    """

    classes: tuple[str, ...]
    stride: int = 1
    critic: JudgeOfLooks | None = None

    @abstractmethod
    def labels(self, images: Tensor) -> Tensor:
        """Labels (B, H, W) int64, on the CPU, of ``images`` (B, 3, H, W) in [-1, 1]."""

    @abstractmethod
    def features(self, images: Tensor) -> list[Tensor]:
        """The encoder's maps (B, C_i, h_i, w_i), each half the one before; differentiable."""

    @property
    @abstractmethod
    def feature_channels(self) -> tuple[int, ...]:
        """Channels C_i of the maps that `features` returns."""

    @torch.no_grad()
    def pooled(self, images: Tensor | CachedOutputs) -> np.ndarray:
        """One feature vector per image, (B, C) float64; ``images`` (B, 3, H, W) in [-1, 1].

        Means over positions of the encoder's maps from the third on, concatenated, which describe
        the content of an image rather than its texture.
        """
        stages = cached_outputs(self, images).features[2:]
        pooled = [stage.double().mean((2, 3)) for stage in stages]
        return torch.cat(pooled, dim=1).cpu().numpy()

    def probabilities(self, images: Tensor) -> dict[str, Tensor]:
        """Probability (B,) float32, on the CPU, of each attribute of a whole image, by name.

        Empty for a segmenter that labels pixels only.
        """
        return {}

    def logits(self, images: Tensor) -> Tensor:
        """Logits (B, classes, H, W) of ``images``, differentiable. Raises as `check_logits`."""
        raise self._without_logits()

    def check_logits(self) -> None:
        """Raises `ParameterError` for a segmenter that gives labels only, such as a published one.

        For callers that would reach `logits` after minutes.
        """
        if type(self).logits is Segmenter.logits:
            raise self._without_logits()

    def _without_logits(self) -> ParameterError:
        return ParameterError(
            f"{self.name} gives labels but no logits; give a segmenter of a world, as "
            "train_segmenter writes"
        )

    def labels_from_features(
        self, images: Tensor, features: Callable[[], Sequence[Tensor]]
    ) -> Tensor:
        """Labels of ``images``, given a function ``features`` that returns their encoder features.

        The result equals ``labels(images)``. A segmenter that decodes its labels from these
        features overrides this and saves a pass through the encoder; any other does not call
        ``features``.
        """
        return self.labels(images)

    def index(self, name: str) -> int:
        """Label of the class ``name``. Raises `ParameterError` listing the classes for an unknown
        one."""
        if name not in self.classes:
            raise self._unknown(name)
        return self.classes.index(name)

    def numbers(self, *names: str) -> tuple[int, ...]:
        """All labels that ``names`` stand for, in the order of the names.

        Raises `ParameterError` listing the classes for a name that stands for none.
        """
        return tuple(number for name in names for number in self._numbers_of(name))

    def _numbers_of(self, name: str) -> Sequence[int]:
        """Labels of one name; a segmenter with parts or groups of classes overrides this."""
        return (self.index(name),)

    def _check(self, images: Tensor) -> None:
        """Raises `ValueError` for what is no batch of images, and `ParameterError` for images with
        sides off `stride`."""
        check_images(images)
        if any(side % self.stride for side in images.shape[2:]):
            height, width = images.shape[2:]
            raise ParameterError(
                f"{self.name} reads images whose sides are multiples of {self.stride} pixels, "
                f"not {height} x {width}"
            )

    def _laid_out(self, images: Tensor) -> Tensor:
        """``images`` as float32 on the network's device, in the layout that is fast there."""
        return laid_out(images.to(self.device, torch.float32))

    def _unknown(self, name: str) -> ParameterError:
        count = len(self.classes)
        known = (
            f"it has: {', '.join(self.classes)}"
            if count <= LISTED
            else f"it has {count}, such as {', '.join(self.classes[1:9])}"
        )
        return ParameterError(f"{self.name} has no class {name!r}; {known}")
