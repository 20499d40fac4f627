"""What the published segmenters share: `Segmenter`'s interface, and how a file fills a network.

    parser = load_segmenter("data/weights/paper/face-parsing-02dd3f6f.pth")     # (`loading`)
    parser.segment(images)                  # (B, 3, H, W) in [-1, 1] to (B, H, W) int32
    parser.numbers("mouth")                 # labels that the name stands for

A published network reads one size only, and scales images to it itself, so sides may be anything.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from palimpsest.errors import CheckpointError
from palimpsest.generators.pictures import check_images


class PublishedSegmenter(ABC):
    """A segmenter that others trained: the stages use it as they use `Segmenter`.

    ``network`` is put into eval mode and holds no gradients of its own weights; what is computed
    with it stays differentiable in the images.
    """

    name: str
    classes: tuple[str, ...]
    chunk = 4
    """Images that go through the network together."""
    world = ""
    """No world of ours taught it, so that nothing here can grade it."""
    stride = 1

    device: torch.device
    """Where the network lies: images are brought there."""

    def __init__(self, network: nn.Module, facts: Mapping[str, Any] | None = None) -> None:
        self.facts = dict(facts or {})
        self.device = torch.device("cpu")
        self._network = network.eval().requires_grad_(False)

    def index(self, name: str) -> int:
        """Label of the class ``name``. Raises `ValueError` listing some classes for another."""
        if name not in self.classes:
            raise ValueError(f"{self.name} has no class {name!r}; {self._known()}")
        return self.classes.index(name)

    def numbers(self, name: str) -> tuple[int, ...]:
        """All labels that ``name`` stands for. Raises `ValueError` as `index` does."""
        return (self.index(name),)

    @torch.no_grad()
    def segment(self, images: Tensor) -> Tensor:
        """Labels (B, H, W) int32, on the CPU, of ``images`` (B, 3, H, W) in [-1, 1]."""
        check_images(images)
        parts = [self._labels(self._brought(part)) for part in images.split(self.chunk)]
        return torch.cat(parts).cpu()

    @abstractmethod
    def features(self, images: Tensor) -> list[Tensor]:
        """The encoder's maps (B, C_i, h_i, w_i), each half the one before; differentiable."""

    @property
    @abstractmethod
    def feature_channels(self) -> tuple[int, ...]:
        """Channels C_i of the maps that `features` returns."""

    @abstractmethod
    def _labels(self, images: Tensor) -> Tensor:
        """Labels (B, H, W) int32 of a few images, float32."""

    def to(self, device: str | torch.device) -> PublishedSegmenter:
        """Move the network to ``device``, in place; returns itself."""
        self._network.to(device)
        self.device = torch.device(device)
        return self

    def _brought(self, images: Tensor) -> Tensor:
        return images.to(self.device, torch.float32)

    def _known(self) -> str:
        if len(self.classes) <= 40:
            return f"it has: {', '.join(self.classes)}"
        return f"it has {len(self.classes)}, such as {', '.join(self.classes[1:9])}"


def fill(path: object, network: nn.Module, tensors: Mapping[str, Tensor], what: str) -> nn.Module:
    """Put ``tensors`` into ``network``, all of them and nothing else; returns it, float32.

    Counters of batches seen (``num_batches_tracked``) may be missing: nothing here reads them.
    Raises `CheckpointError` naming ``what`` the file should hold, and the first tensor that is
    missing, unknown, of the wrong shape, or not finite.
    """
    wanted = network.state_dict()
    counters = {name: tensor for name, tensor in wanted.items() if not tensor.is_floating_point()}
    given = {name: tensor for name, tensor in tensors.items() if name not in counters}
    for name, tensor in wanted.items():
        if name in counters:
            continue
        if name not in given:
            raise CheckpointError(f"{path}: no {what}: tensor {name} is missing; fetch it again")
        if given[name].shape != tensor.shape:
            raise CheckpointError(
                f"{path}: no {what}: tensor {name} has shape {tuple(given[name].shape)}, "
                f"not {tuple(tensor.shape)}; fetch it again"
            )
        if not (given[name].is_floating_point() and bool(given[name].isfinite().all())):
            raise CheckpointError(
                f"{path}: tensor {name} holds numbers that are not finite; fetch it again"
            )
    if unknown := [name for name in given if name not in wanted]:
        raise CheckpointError(f"{path}: no {what}: tensor {unknown[0]} has no place in it")
    filled = {name: tensor.detach().to(torch.float32) for name, tensor in given.items()}
    network.load_state_dict(filled | counters, assign=False)
    return network
