"""Generators that grow during training: they make an image at every resolution up to the last.

    student = grow(world, recipe)
    image = student.image_at(z, 32)        # by the layers up to 32 pixels
    g = student.finished(128)              # the generator to ship

StyleGAN2 has an image at each resolution: its running RGB. Progressive GAN gets one to-RGB
convolution for each resolution, of which only the last is stored (Karras et al. 2018).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.generators.base import Generator, ValueState
from palimpsest.generators.encoding import SoftThresholds
from palimpsest.generators.progressive import Block, ProgressiveGAN, pixel_norm
from palimpsest.generators.stylegan2 import MAPPING_RATE, StyleGAN2
from palimpsest.training.recipe import Recipe
from palimpsest.worlds.scene import World

TensorChange = Callable[[Tensor], Tensor]
"""A function of values (B, M, h, w) that keeps their shape."""

JOINING = 0.1
"""Factor on the initial weights of later to-RGBs, so that a new resolution joins smoothly."""


class Growing(nn.Module, ABC):
    """A generator in training, usable at every resolution of its recipe."""

    network: Generator

    @abstractmethod
    def image_of(self, values: ValueState) -> Tensor:
        """The image (B, 3, h, h) from the values of the last layer of a resolution."""

    @abstractmethod
    def parameter_groups(self) -> list[dict]:
        """Optimiser groups: "params", and "factor", by which the recipe's rate is multiplied."""

    @abstractmethod
    def finished(self, resolution: int) -> Generator:
        """A separate generator with the weights up to ``resolution``, without gradients."""

    def image_at(
        self,
        z: Tensor,
        resolution: int,
        layer: int | None = None,
        change: TensorChange | None = None,
    ) -> Tensor:
        """The image (B, 3, R, R) of the network grown to ``resolution`` R; differentiable.

        ``change`` is applied to the values of ``layer``.
        """
        g = self.network
        last = next(n for n in g.layers if n % 2 == 0 and g.layer(n).value_size == resolution)
        origin: Tensor | ValueState = z
        if change is not None and layer <= last:
            changed = g.values_at(z, layer)
            origin = changed.replace(change(changed.v))
        return self.image_of(g.values_at(origin, last))


class GrowingStyleGAN2(Growing):
    """StyleGAN2 without noise inputs, because a world's image is a function of z."""

    network: StyleGAN2

    def __init__(self, world: World, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = StyleGAN2(
            recipe.resolution,
            recipe.channels,
            style_dim=recipe.style_dim,
            mapping_layers=recipe.mapping_layers,
            encoding=encoding_of(world),
        )
        self.network.noise = "none"
        with torch.no_grad():
            for to_rgb in self.network.to_rgbs:
                to_rgb.conv.weight.mul_(JOINING)

    def image_of(self, values: ValueState) -> Tensor:
        return self.network.running_image(values)

    def parameter_groups(self) -> list[dict]:
        mapping = list(self.network.style.parameters())
        rest = [p for n, p in self.network.named_parameters() if not n.startswith("style.")]
        return [
            {"params": rest, "factor": 1.0},
            {"params": mapping, "factor": self.recipe.mapping_rate / MAPPING_RATE},
        ]

    def finished(self, resolution: int) -> StyleGAN2:
        g = StyleGAN2(
            resolution,
            {r: c for r, c in self.recipe.channels.items() if r <= resolution},
            style_dim=self.recipe.style_dim,
            mapping_layers=self.recipe.mapping_layers,
            encoding=self.network.encoding,
        )
        held = self.network.state_dict()
        g.load_state_dict({name: held[name] for name in g.state_dict()})
        return g.eval().requires_grad_(False)


class GrowingProgressive(Growing):
    """Progressive GAN with a to-RGB convolution for every resolution from 8 pixels on."""

    network: ProgressiveGAN

    def __init__(self, world: World, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = ProgressiveGAN(
            recipe.resolution, recipe.channels, encoding=encoding_of(world)
        )
        smaller = [r for r in recipe.channels if 4 < r < recipe.resolution]
        self.heads = nn.ModuleDict(
            {str(r): Block(recipe.channels[r], 3, 1, gain=1.0) for r in smaller}
        )
        with torch.no_grad():
            for head in (*self.heads.values(), self._head(recipe.resolution)):
                head.conv.weight.mul_(JOINING)

    def _head(self, resolution: int) -> Block:
        if resolution == self.recipe.resolution:
            return self.network.get_submodule(self.network.output_name)
        return self.heads[str(resolution)]

    def image_of(self, values: ValueState) -> Tensor:
        head = self._head(values.v.shape[-1])
        # not clamped to [-1, 1] as in the finished generator: values outside need a gradient
        return head.wscale(F.conv2d(pixel_norm(self.network.features(values)), head.conv.weight))

    def parameter_groups(self) -> list[dict]:
        return [{"params": list(self.parameters()), "factor": 1.0}]

    def finished(self, resolution: int) -> ProgressiveGAN:
        channels = {r: c for r, c in self.recipe.channels.items() if r <= resolution}
        g = ProgressiveGAN(resolution, channels, encoding=self.network.encoding)
        held = self.network.state_dict()
        for name, tensor in self._head(resolution).state_dict().items():
            held[f"{g.output_name}.{name}"] = tensor
        g.load_state_dict({name: held[name] for name in g.state_dict()})
        return g.eval().requires_grad_(False)


def encoding_of(world: World) -> SoftThresholds:
    """The input encoding of a world's generator."""
    return SoftThresholds(world.z_dim, tuple(world.thresholds))


def grow(world: World, recipe: Recipe) -> Growing:
    """The untrained network of a recipe; the same seed gives the same weights."""
    torch.manual_seed(recipe.seed)
    kinds = {"stylegan2": GrowingStyleGAN2, "progressive": GrowingProgressive}
    return kinds[recipe.kind](world, recipe).to(memory_format=torch.channels_last)
