"""Our own classifiers: whether an image of a world, or a photograph, shows an attribute.

    smiles = AttributeClassifier.load("data/weights/mini/face-smile.safetensors")
    smiles.probability(images)              # (B, 3, R, R) in [-1, 1] to (B,) in [0, 1]
    smiles.shows(images)                    # (B,) bool: at least one half
    count = int(smiles.shows(images).sum())
    corrected_rate(count, len(images), smiles.errors())    # (`estimates.error_rates`)

The network is small and was trained from scratch on renders (`classifiers.training`) or on
photographs (`classifiers.photograph_training`); `.facts["grades"]` holds its error rates on
held-out ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from typing import Any, Self

import torch
from torch import Tensor, nn

from palimpsest.generators.map_layout import fast_layout, laid_out
from palimpsest.instruments.classifiers.base import Classifier
from palimpsest.instruments.classifiers.contrast_network import ContrastArchitecture
from palimpsest.instruments.network_files import Kind, load_network, save_network

KIND = Kind(
    "palimpsest-attribute",
    "classifier",
    "train_classifier",
    ("world", "attribute", "resolution", "architecture", "facts"),
)
CHUNK = 64
"""Images that go through the network together."""


@dataclass(frozen=True)
class AttributeArchitecture:
    """Sizes of the network: a convolution of stride 2 per width, then the mean over positions.

    ``widths``: channels, fine to coarse. ``hidden``: units between that mean and the score.
    """

    widths: tuple[int, ...] = (16, 24, 40, 64, 96)
    hidden: int = 32

    def build(self) -> nn.Module:
        """An untrained network: images (B, 3, H, W) in [-1, 1] to scores (B,)."""
        layers: list[nn.Module] = []
        for before, after in zip((3, *self.widths), self.widths, strict=False):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        head = [
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(self.widths[-1], self.hidden),
            nn.ReLU(),
            nn.Linear(self.hidden, 1),
            nn.Flatten(0),
        ]
        return nn.Sequential(*layers, *head)


class AttributeClassifier(Classifier):
    """A classifier of ``attribute``, trained on the renders of ``world``.

    A ``world`` of "" stands for photographs. ``network`` maps (B, 3, R, R), R = ``resolution``, to
    scores (B,), whose sigmoid is the probability. ``facts``: provenance and grades, as JSON values.
    """

    def __init__(
        self,
        network: nn.Module,
        architecture: AttributeArchitecture | ContrastArchitecture,
        world: str,
        attribute: str,
        resolution: int,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.architecture = architecture
        self.world = world
        self.attribute = attribute
        self.resolution = resolution
        self.facts = dict(facts or {})
        super().__init__(network)
        self.to(self.device)

    @property
    def name(self) -> str:
        """Name in result files, such as "face-smile" or "photographs-smile"."""
        return f"{self.world or 'photographs'}-{self.attribute}"

    @torch.no_grad()
    def probability(self, images: Tensor) -> Tensor:
        """(B,) float32, on the CPU: the probability that each of ``images`` (B, 3, R, R) in [-1, 1]
        shows the attribute.

        Raises `ValueError` for images of another size or type.
        """
        return self.scores(images).sigmoid().cpu()

    def scores(self, images: Tensor) -> Tensor:
        """The scores (B,) of ``images``, whose sigmoid is the probability; differentiable.

        Raises as `probability`.
        """
        side = self.resolution
        if images.shape[1:] != (3, side, side) or not images.is_floating_point():
            raise ValueError(
                f"{self.name} reads (B, 3, {side}, {side}) floats in [-1, 1], not "
                f"{tuple(images.shape)} of {images.dtype}"
            )
        parts = [
            self._network(laid_out(part.to(self.device).float())) for part in images.split(CHUNK)
        ]
        return torch.cat(parts)

    def to(self, device: str | torch.device) -> Self:
        device = torch.device(device)
        self._network.to(device, memory_format=fast_layout(device))
        return self

    def save(self, path: str | PathLike[str], dtype: torch.dtype = torch.float16) -> None:
        """Write a ``.safetensors`` file, atomically; weights as ``dtype``, the rest as float32."""
        description = {
            "world": self.world,
            "attribute": self.attribute,
            "resolution": self.resolution,
            "architecture": asdict(self.architecture),
            "facts": self.facts,
        }
        save_network(path, self._network, KIND, description, dtype)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> AttributeClassifier:
        """The classifier in a file that `save` wrote.

        Raises `CheckpointError` for a file that is missing, damaged, or not a classifier.
        """
        network, about = load_network(path, KIND, lambda about: _architecture(about).build())
        return cls(
            network,
            _architecture(about),
            str(about["world"]),
            str(about["attribute"]),
            int(about["resolution"]),
            about["facts"],
        )


def _architecture(description: dict[str, Any]) -> AttributeArchitecture | ContrastArchitecture:
    about = description["architecture"]
    widths, hidden = tuple(map(int, about["widths"])), int(about["hidden"])
    if "side" in about:
        return ContrastArchitecture(widths, hidden, int(about["side"]), float(about["dropout"]))
    return AttributeArchitecture(widths, hidden)
