"""A trained segmentation network with fused layers: faster, and equal up to rounding.

    fast = fuse(copy.deepcopy(network.eval()))

`fuse_batch_norms` merges each batch norm into the convolution before it, and `fuse_upsampling` the
nearest-neighbour doubling of a U-Net's decoder into the convolution after it. Both are for eval
mode, where the statistics are fixed.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from palimpsest.generators.doubling import convolve_by_kernel, doubling_kernel


def fuse(network: nn.Module) -> nn.Module:
    """A segmentation-models-pytorch network with all fusible layers fused, in place."""
    return fuse_upsampling(fuse_batch_norms(network))


def fuse_batch_norms(module: nn.Module) -> nn.Module:
    """``module`` with each batch norm (eval mode) fused into the convolution before it, in place.

    This saves about a third of the passes over memory.
    """
    before_name, before = "", None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            setattr(module, before_name, fuse_conv_bn_eval(before, child))
            # timm's batch norms carry the activation that follows them
            setattr(module, name, getattr(child, "act", nn.Identity()))
        else:
            fuse_batch_norms(child)
        before_name, before = name, child
    return module


def fuse_upsampling(network: nn.Module) -> nn.Module:
    """A U-Net with a `DoublingBlock` in place of each decoder block, in place.

    Its batch norms must be fused already. A network with another decoder is returned unchanged.
    """
    # imported here: slow to load, and not needed to read saved results
    from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder

    if isinstance(network.decoder, UnetDecoder):
        blocks, width = network.decoder.blocks, network.encoder.out_channels[-1]
        for i, block in enumerate(blocks):
            blocks[i] = DoublingBlock(block, width)
            width = block.conv2[0].out_channels
    return network


class DoublingBlock(nn.Module):
    """A U-Net decoder block (upsample, concatenate, convolve) with fewer multiplications.

    Upsampling and its convolution are one operation (`palimpsest.generators.doubling`). The
    encoder's map has a separate convolution; the sum of both equals the convolution of the
    concatenation.
    """

    def __init__(self, block: nn.Module, width: int) -> None:
        """``block``: of segmentation-models-pytorch; ``width``: channels that it upsamples."""
        super().__init__()
        conv, _, self.activation = block.conv1
        self.conv2 = block.conv2
        of_doubled, of_joined = conv.weight.split([width, conv.in_channels - width], dim=1)
        exact = doubling_kernel(of_doubled.detach().double())
        self.doubling = nn.Parameter(exact.to(of_doubled.dtype))
        self.joining = nn.Parameter(of_joined.detach().clone())
        self.bias = conv.bias

    def forward(
        self, x: Tensor, height: int, width: int, skip_connection: Tensor | None = None
    ) -> Tensor:
        """``x`` (B, C, h, w) to (B, C', 2h, 2w); ``height`` and ``width`` are 2h and 2w."""
        x = convolve_by_kernel(x, self.doubling, self.bias)
        if skip_connection is not None:
            x += F.conv2d(skip_connection, self.joining, padding=1)
        return self.conv2(self.activation(x))
