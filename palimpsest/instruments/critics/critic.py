"""A critic sees what labels do not: ghosts, smears and mud that an edit leaves.

    critic = Critic.load("data/weights/mini/church-critic.safetensors", segmenter)
    natural = critic.naturalness(images)            # (B, 3, R, R) to (B, r, r) in [0, 1]
    drop = critic.drop(before, after, place)        # (B,): how much of it an edit costs there

A small network reads the maps of a segmenter's encoder and gives each cell the probability that an
edit has not spoilt it. It was trained on a generator's samples under random edits
(`critics.training`), so it knows nothing of the rule that an edit is to follow.
`.facts["grades"]` says how often it prefers a world's counterfactual to ghosts, blur and collages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.errors import CheckpointError
from palimpsest.files.arrays import peek
from palimpsest.generators.map_layout import fast_layout
from palimpsest.instruments.base import Instrument
from palimpsest.instruments.network_files import Kind, load_network, save_network
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.instruments.segmenters.cached_outputs import (
    CHUNK,
    CachedOutputs,
    cached_outputs,
)

KIND = Kind(
    "palimpsest-critic", "critic", "train_critic", ("model", "segmenter", "architecture", "facts")
)


@dataclass(frozen=True)
class CriticArchitecture:
    """Sizes of the network. ``stages``: how many of the encoder's maps are read, the finest first;
    ``at``: the one whose size the result has; ``width``: channels that each map is reduced to;
    ``hidden``: channels of the last two convolutions."""

    channels: tuple[int, ...]
    at: int = 1
    width: int = 16
    hidden: int = 32

    def build(self) -> nn.Module:
        """An untrained network."""
        return CriticNetwork(self)


class CriticNetwork(nn.Module):
    """The maps of an encoder, each (B, C_i, h_i, w_i), to scores (B, h, w)."""

    def __init__(self, architecture: CriticArchitecture) -> None:
        super().__init__()
        self.at, width, hidden = architecture.at, architecture.width, architecture.hidden
        self.reduce = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(channels), nn.Conv2d(channels, width, 1))
            for channels in architecture.channels
        )
        self.join = nn.Sequential(
            nn.Conv2d(width * len(architecture.channels), hidden, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(hidden, hidden, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(hidden, 1, 1),
        )

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        size = maps[self.at].shape[2:]
        reduced = []
        for reduce, one in zip(self.reduce, maps, strict=True):
            small = reduce(one)
            if small.shape[-1] > size[-1]:
                small = F.adaptive_avg_pool2d(small, size)
            elif small.shape[-1] < size[-1]:
                small = F.interpolate(small, size, mode="bilinear", align_corners=False)
            reduced.append(small)
        return self.join(torch.cat(reduced, dim=1))[:, 0]


class Critic(Instrument):
    """The critic of ``model``'s images, on the encoder of ``segmenter``.

    ``network`` maps the encoder's first maps to scores (B, h, w), whose sigmoid is the probability
    that no edit has spoilt the cell.
    """

    def __init__(
        self,
        network: nn.Module,
        architecture: CriticArchitecture,
        segmenter: Segmenter,
        model: str,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.architecture, self.segmenter, self.model = architecture, segmenter, model
        self.facts = dict(facts or {})
        self._network = network.eval().requires_grad_(False)
        self._network.to(memory_format=fast_layout(torch.device("cpu")))

    @property
    def name(self) -> str:
        """Name in result files, such as "church-critic"."""
        return f"{self.model}-critic"

    @torch.no_grad()
    def naturalness(self, images: Tensor | CachedOutputs) -> Tensor:
        """Probability (B, h, w) that no edit has spoilt a cell of ``images`` (B, 3, H, W)."""
        stages = cached_outputs(self.segmenter, images).features
        self._follow(stages[0].device)
        maps = stages[: len(self.architecture.channels)]
        parts = [
            self._network(part).sigmoid()
            for part in zip(*(one.split(CHUNK) for one in maps), strict=True)
        ]
        return torch.cat(parts)

    def drop(
        self, before: Tensor | CachedOutputs, after: Tensor | CachedOutputs, place: Tensor
    ) -> Tensor:
        """Mean fall (B,) float64 of `naturalness` within ``place`` (B, H, W) bool.

        Between -1 and 1, 0 for equal images; NaN for an image without a place.
        """
        return self.drop_of(self.naturalness(before), self.naturalness(after), place)

    def drop_of(self, before: Tensor, after: Tensor, place: Tensor) -> Tensor:
        """`drop` of two maps that `naturalness` gave."""
        fall = (before - after).double()
        weight = F.adaptive_avg_pool2d(place[:, None].double().to(fall.device), fall.shape[1:])
        weight = weight[:, 0]
        return ((fall * weight).sum((1, 2)) / weight.sum((1, 2))).cpu()

    @property
    def device(self) -> torch.device:
        """Device of the segmenter, which the critic follows."""
        return self.segmenter.device

    def to(self, device: str | torch.device) -> Self:
        self.segmenter.to(device)
        return self

    def _follow(self, device: torch.device) -> None:
        if next(self._network.parameters()).device != device:
            self._network.to(device, memory_format=fast_layout(device))

    def save(self, path: str | PathLike[str], dtype: torch.dtype = torch.float16) -> None:
        """Write a ``.safetensors`` file, atomically; weights as ``dtype``, the rest as float32."""
        description = {
            "model": self.model,
            "segmenter": self.segmenter.name,
            "architecture": asdict(self.architecture),
            "facts": self.facts,
        }
        save_network(path, self._network, KIND, description, dtype)

    @classmethod
    def load(cls, path: str | PathLike[str], segmenter: Segmenter) -> Critic:
        """The critic in a file that `save` wrote, on the ``segmenter`` that it was trained with.

        Raises `CheckpointError` for a file that is missing, damaged, not a critic, or one of
        another segmenter.
        """
        network, about = load_network(path, KIND, lambda about: _architecture(about).build())
        architecture = _architecture(about)
        channels = segmenter.feature_channels[: len(architecture.channels)]
        if about["segmenter"] != segmenter.name or channels != architecture.channels:
            raise CheckpointError(
                f"{path}: a critic on the features of {about['segmenter']}, not of {segmenter.name}"
            )
        return cls(network, architecture, segmenter, str(about["model"]), about["facts"])


def described(path: str | PathLike[str]) -> dict[str, Any]:
    """The description of a critic's file, without its weights: ``model``, ``segmenter``, ``facts``.

    Raises `CheckpointError` for a file that is missing, damaged or not a critic.
    """
    metadata = peek(path, CheckpointError)[1]
    if KIND.key not in metadata:
        raise CheckpointError(f"{path}: not a critic; give a file that {KIND.stage} wrote")
    return json.loads(metadata[KIND.key])


def _architecture(description: dict[str, Any]) -> CriticArchitecture:
    about = description["architecture"]
    return CriticArchitecture(
        tuple(map(int, about["channels"])),
        int(about["at"]),
        int(about["width"]),
        int(about["hidden"]),
    )
