"""Small networks of usual kinds, with random weights, for tests of wrapped networks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.generators.base import Generator, ValueState
from palimpsest.generators.stylegan2 import StyleGAN2, blur
from palimpsest.generators.wrapped_convolutions import stored, weight_of


class DCGAN(nn.Sequential):
    """The generator of DCGAN for 32 x 32 pixels: z (B, 16, 1, 1) through strided
    `ConvTranspose2d`."""

    def __init__(self, z: int = 16, width: int = 12) -> None:
        blocks: list[nn.Module] = []
        sizes = [
            (z, 4 * width, 4, 1, 0),
            (4 * width, 2 * width, 4, 2, 1),
            (2 * width, width, 4, 2, 1),
        ]
        for inputs, outputs, kernel, stride, padding in sizes:
            blocks += [
                nn.ConvTranspose2d(inputs, outputs, kernel, stride, padding, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
        super().__init__(*blocks, nn.ConvTranspose2d(width, 3, 4, 2, 1), nn.Tanh())


class ResBlock(nn.Module):
    """A residual block that doubles the map, as in SN-GAN and WGAN-GP: a 1 x 1 shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1)
        self.up = nn.Upsample(scale_factor=2)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.conv1(self.up(torch.relu_(self.norm1(x))))
        return self.conv2(torch.relu_(self.norm2(branch))) + self.shortcut(self.up(x))


class ResNetGAN(nn.Module):
    """A generator of residual blocks: z (B, 16) to 16 x 16 pixels."""

    def __init__(self, z: int = 16, width: int = 16) -> None:
        super().__init__()
        self.width = width
        self.linear = nn.Linear(z, width * 16)
        self.blocks = nn.Sequential(ResBlock(width, width), ResBlock(width, width // 2))
        self.norm = nn.BatchNorm2d(width // 2)
        self.to_rgb = nn.Conv2d(width // 2, 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        x = self.blocks(self.linear(z).unflatten(1, (self.width, 4, 4)))
        return torch.tanh(self.to_rgb(torch.relu(self.norm(x))))


class OddConvolutions(nn.Module):
    """Kernels, strides, dilations and padding modes that are not usual: z (B, 8, 6, 9)."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(8, 8, (3, 5), stride=2, padding=(1, 2))
        self.wide = nn.Conv2d(8, 6, 3, padding=2, dilation=2, padding_mode="reflect")
        self.up = nn.ConvTranspose2d(6, 6, 5, stride=3, padding=1, output_padding=1, dilation=2)
        self.same = nn.Conv2d(6, 6, 4, padding="same", padding_mode="circular")
        self.valid = nn.Conv2d(6, 3, 3)

    def forward(self, z: Tensor) -> Tensor:
        x = z
        for module in (self.down, self.wide, self.up, self.same):
            x = F.leaky_relu(module(x), 0.2)
        return self.valid(x)


def seeded(kind: type[nn.Module], seed: int = 0) -> nn.Module:
    """A network with random weights; batch norms have the running statistics of samples."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = kind()
        shapes = {DCGAN: (16, 1, 1), ResNetGAN: (16,), OddConvolutions: (8, 6, 9)}
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None  # the mean over all batches
        with torch.no_grad():
            network.train()(torch.randn(64, *shapes[kind]))
    return network.eval()


class ScaledConv(nn.Conv2d):
    """A convolution whose weight is scaled at run time (equalised learning rate)."""

    scale = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight * self.scale, self.bias)


class ScaledTransposed(nn.ConvTranspose2d):
    """The same for the convolution of an upsampling layer."""

    scale = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return F.conv_transpose2d(x, self.weight * self.scale, self.bias, self.stride)


class AsModules(nn.Module):
    """A generator of this project whose layers' convolutions are modules, as others write it."""

    def __init__(self, g: Generator) -> None:
        super().__init__()
        self.g = g
        self.convolutions = nn.ModuleDict()
        for number in g.layers:
            weight = g.layer(number).weight
            m, n = weight.shape[:2]
            if g.layer(number).upsampling == 2:
                conv: nn.Module = ScaledTransposed(n, m, 3, stride=2, bias=False)
            else:
                conv = ScaledConv(n, m, 3, padding=1, bias=False)
            if isinstance(g, StyleGAN2):
                conv.scale = g.styled_conv(number).conv.scale
            conv.weight = nn.Parameter(stored(weight, conv).detach().clone())
            self.convolutions[f"layer{number}"] = conv

    def forward(self, z: Tensor) -> Tensor:
        state = self.g.start(z)
        while True:
            layer, conv = self.g.layer(state.layer), self.convolutions[f"layer{state.layer}"]
            pre = conv(state.k)
            if isinstance(conv, ScaledTransposed):
                pre = blur(pre, self.g.blur_kernel)
            factor = layer.demodulation(state.style, weight_of(conv))
            pre = pre if factor is None else pre * factor[:, :, None, None]
            window, skip = (0, 0, *pre.shape[2:]), layer._skip_at_values(state)
            v = layer.activate(pre, state)
            values = ValueState(v, state.layer, window, latent=state.latent, skip=skip)
            if values.layer == self.g.last_layer:
                return self.g.finish(values)
            state = self.g.next_keys(values)
