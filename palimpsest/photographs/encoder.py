"""An encoder: a small network that estimates, from an image, the w of each layer that made it.

    encoder = Encoder.load("data/weights/mini/photo_faces-encoder.safetensors")
    invert(g, images, distance, settings, encoder)     # starts from the estimate

It is trained on the samples of one generator (`encoder_training`) and refuses any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.errors import ParameterError
from palimpsest.generators.base import Generator
from palimpsest.generators.identity import content_sha256
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.network_files import Kind, load_network, save_network

KIND = Kind(
    "palimpsest-encoder",
    "encoder",
    "train_encoder",
    ("resolution", "rows", "style_dim", "widths", "hidden", "weights_sha256", "facts"),
)
COARSEST = 4
"""Side of the map from which w is read."""


class Halving(nn.Module):
    """A residual block that halves its map."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        small = F.avg_pool2d(x, 2)
        y = F.leaky_relu(self.first(small), 0.2)
        return F.leaky_relu(self.second(y), 0.2) + self.skip(small)


class Encoder(nn.Module):
    """Images (B, 3, R, R) in [-1, 1] to extended latents (B, rows, style_dim).

    ``mean``, ``deviation``: of the generator's w, (style_dim,); the network estimates w in these
    units. ``weights_sha256``: of the generator. ``facts``: provenance, as JSON values.
    """

    def __init__(
        self,
        resolution: int,
        rows: int,
        style_dim: int,
        widths: Sequence[int],
        hidden: int,
        weights_sha256: str,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.resolution, self.rows, self.style_dim = resolution, rows, style_dim
        self.widths, self.hidden = tuple(widths), hidden
        self.weights_sha256, self.facts = weights_sha256, dict(facts or {})
        channels = [3, *self.widths]
        self.stages = nn.Sequential(
            *(Halving(a, b) for a, b in zip(channels, channels[1:], strict=False))
        )
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(COARSEST),
            nn.Flatten(),
            nn.Linear(channels[-1] * COARSEST**2, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, rows * style_dim),
        )
        self.register_buffer("mean", torch.zeros(style_dim))
        self.register_buffer("deviation", torch.ones(style_dim))

    def forward(self, images: Tensor) -> Tensor:
        """w in standard deviations from the mean, (B, rows, style_dim)."""
        return self.head(self.stages(images)).unflatten(1, (self.rows, self.style_dim))

    @property
    def identity(self) -> str:
        """Hash of the weights, as `Generator.weights_sha256`."""
        return content_sha256(self.state_dict())

    @torch.no_grad()
    def estimate(self, g: StyleGAN2, images: Tensor) -> Tensor:
        """The extended latents (B, rows, style_dim) of ``images`` (B, 3, R, R) for ``g``.

        Raises as `check`.
        """
        self.check(g)
        self.to(images.device)
        return self.mean + self(images) * self.deviation

    def check(self, g: Generator) -> None:
        """Raises `ParameterError` for a generator that the encoder was not trained for."""
        if self.weights_sha256 not in g.lineage:
            raise ParameterError(
                f"this encoder was trained for weights {self.weights_sha256[:12]}, the generator "
                f"has {g.weights_sha256[:12]}; train it for this generator, or invert without it"
            )

    def save(self, path: str | PathLike[str]) -> None:
        """Write a ``.safetensors`` file, atomically; weights as float16."""
        description = {
            "resolution": self.resolution,
            "rows": self.rows,
            "style_dim": self.style_dim,
            "widths": list(self.widths),
            "hidden": self.hidden,
            "weights_sha256": self.weights_sha256,
            "facts": self.facts,
        }
        save_network(path, self, KIND, description)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Encoder:
        """Read an encoder. Raises `CheckpointError` for a missing, damaged or other file."""

        def build(description: dict[str, Any]) -> Encoder:
            return cls(**{field: description[field] for field in KIND.fields})

        network, _ = load_network(path, KIND, build)
        return network.eval().requires_grad_(False)
