"""A trained segmentation network in fewer passes: the same function up to rounding.

    fast = fold(copy.deepcopy(network.eval()))

`fold_batch_norms` merges each batch norm into the convolution before it, and `fold_upsampling` the
nearest-neighbour doubling of a U-Net's decoder into the convolution after it. Both are for eval
mode, where the statistics are fixed.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from palimpsest.generators.doubling import convolve_by_kernel, doubling_kernel


def fold(network: nn.Module) -> nn.Module:
    """All that can be merged in a segmentation-models-pytorch network, in place; returns it."""
    return fold_upsampling(fold_batch_norms(network))


def fold_batch_norms(module: nn.Module) -> nn.Module:
    """Merge each batch norm (eval mode) that follows a convolution into it, in place.

    About a third fewer passes over memory. Returns ``module``.
    """
    before_name, before = "", None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            setattr(module, before_name, fuse_conv_bn_eval(before, child))
            # timm's batch norms carry the activation that follows them
            setattr(module, name, getattr(child, "act", nn.Identity()))
        else:
            fold_batch_norms(child)
        before_name, before = name, child
    return module


def fold_upsampling(network: nn.Module) -> nn.Module:
    """Give a U-Net, whose batch norms are folded, `DoublingBlock` for each block of its decoder.

    In place; returns ``network``, untouched where its decoder is another.
    """
    # here, since it takes seconds that those who only count what was seen need not wait
    from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder

    if isinstance(network.decoder, UnetDecoder):
        blocks, width = network.decoder.blocks, network.encoder.out_channels[-1]
        for i, block in enumerate(blocks):
            blocks[i] = DoublingBlock(block, width)
            width = block.conv2[0].out_channels
    return network


class DoublingBlock(nn.Module):
    """A block of a U-Net's decoder that doubles, joins and convolves in fewer multiplications.

    What is doubled is convolved in one go (`palimpsest.generators.doubling`). The encoder's map,
    which is joined to it, has a convolution of its own; the sum is that over both.
    """

    def __init__(self, block: nn.Module, width: int) -> None:
        """``block``: of segmentation-models-pytorch; ``width``: channels of what it doubles."""
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
