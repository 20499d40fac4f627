"""The segmenter of one world's images: a small network trained on the world's renders.

    segmenter = WorldSegmenter.load("data/weights/mini/church-segmenter.safetensors")
    labels = segmenter.labels(images)          # (B, 3, H, W) in [-1, 1] to (B, H, W) int64
    segmenter.classes[labels[0, 10, 20]]       # "sky"
    maps = segmenter.features(images)          # the encoder's stages, finest first

The network is one of segmentation-models-pytorch, trained from scratch on renders and their exact
labels (`segmenters.training`); `.facts["grades"]` holds its accuracy on held-out renders. The
perceptual and the Fréchet distance use its encoder's features.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from typing import Any, Self

import torch
from torch import Tensor, nn

from palimpsest.generators.map_layout import fast_layout
from palimpsest.instruments.network_files import Kind, load_network, save_network
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.instruments.segmenters.cached_outputs import CHUNK
from palimpsest.instruments.segmenters.deferred_compiler import compiler_deferred
from palimpsest.instruments.segmenters.layer_fusion import fuse

METADATA_KEY = "palimpsest-segmenter"
KIND = Kind(
    METADATA_KEY, "segmenter", "train_segmenter", ("world", "classes", "architecture", "facts")
)


@dataclass(frozen=True)
class Architecture:
    """Sizes of the network. ``decoder``: "unet" or "linknet"; ``channels``: its widths, coarse to
    fine.

    A Linknet takes its widths from the encoder; ``channels`` then holds the last one only.
    """

    decoder: str = "unet"
    encoder: str = "tu-tf_mobilenetv3_small_minimal_100"
    channels: tuple[int, ...] = (64, 48, 32, 24, 16)

    def build(self, classes: int) -> nn.Module:
        """An untrained network for ``classes`` classes. Raises `ValueError` for another decoder."""
        with compiler_deferred():
            # imported here: slow to load, and not needed to read saved results
            import segmentation_models_pytorch as smp

            shared = {"encoder_name": self.encoder, "encoder_weights": None, "classes": classes}
            if self.decoder == "unet":
                return smp.Unet(
                    encoder_depth=len(self.channels), decoder_channels=self.channels, **shared
                )
            if self.decoder == "linknet":
                return smp.Linknet(**shared)
        raise ValueError(f"decoder {self.decoder!r}; it can be unet or linknet")


class WorldSegmenter(Segmenter):
    """A segmenter trained on the renders of ``world``; its weights carry no gradients.

    ``network`` maps (B, 3, H, W) in [-1, 1] to logits (B, classes, H, W); H and W are multiples of
    `.stride`. ``facts``: provenance and grades, as JSON values.
    """

    def __init__(
        self,
        network: nn.Module,
        architecture: Architecture,
        classes: tuple[str, ...],
        world: str,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.architecture = architecture
        self.classes = tuple(classes)
        self.world = world
        self.facts = dict(facts or {})
        self.stride = 2 ** (len(network.encoder.out_channels) - 1)
        self._network = network.eval()
        self._fast = fuse(copy.deepcopy(self._network)).requires_grad_(False)
        self.to(self.device)

    @property
    def name(self) -> str:
        """Name in result files, such as "church-segmenter"."""
        return f"{self.world}-segmenter"

    @torch.no_grad()
    def labels(self, images: Tensor) -> Tensor:
        """Labels (B, H, W) int64, on the CPU, of ``images`` (B, 3, H, W) in [-1, 1]."""
        self._check(images)
        return torch.cat([self._decoded(part, self.features(part)) for part in images.split(CHUNK)])

    def labels_from_features(
        self, images: Tensor, features: Callable[[], Sequence[Tensor]]
    ) -> Tensor:
        self._check(images)
        return self._decoded(images, features())

    @torch.no_grad()
    def _decoded(self, images: Tensor, features: Sequence[Tensor]) -> Tensor:
        """Labels (B, H, W) of ``images`` from their `features`."""
        parts = []
        for part, *stages in zip(*(x.split(CHUNK) for x in (images, *features)), strict=True):
            decoded = self._fast.decoder([self._laid_out(part), *stages])
            scores = self._fast.segmentation_head(decoded)
            parts.append(scores.max(1).indices)  # equal to argmax, and faster
        return torch.cat(parts).cpu()

    def logits(self, images: Tensor) -> Tensor:
        """Logits (B, classes, H, W) of ``images`` (B, 3, H, W); differentiable in the images."""
        self._check(images)
        return self._fast(self._laid_out(images))

    def features(self, images: Tensor) -> list[Tensor]:
        """The encoder's stages (B, C_i, H / 2^i, W / 2^i), i = 1, 2...; differentiable."""
        self._check(images)
        return list(self._fast.encoder(self._laid_out(images)))[1:]

    @property
    def feature_channels(self) -> tuple[int, ...]:
        return tuple(self._fast.encoder.out_channels[1:])

    def to(self, device: str | torch.device) -> Self:
        device = torch.device(device)
        self._network.to(device)
        self._fast.to(device, memory_format=fast_layout(device))
        return self

    @property
    def device(self) -> torch.device:
        return next(self._network.parameters()).device

    def save(self, path: str | PathLike[str], dtype: torch.dtype = torch.float16) -> None:
        """Write a ``.safetensors`` file, atomically; weights as ``dtype``, the rest as float32."""
        description = {
            "world": self.world,
            "classes": list(self.classes),
            "architecture": asdict(self.architecture),
            "facts": self.facts,
        }
        save_network(path, self._network, KIND, description, dtype)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> WorldSegmenter:
        """The segmenter in a file that `save` wrote.

        Raises `CheckpointError` for a file that is missing, damaged, or not a segmenter.
        """
        network, about = load_network(
            path, KIND, lambda about: _architecture(about).build(len(about["classes"]))
        )
        classes = tuple(map(str, about["classes"]))
        return cls(network, _architecture(about), classes, about["world"], about["facts"])


def _architecture(description: dict[str, Any]) -> Architecture:
    about = description["architecture"]
    return Architecture(
        str(about["decoder"]), str(about["encoder"]), tuple(map(int, about["channels"]))
    )
