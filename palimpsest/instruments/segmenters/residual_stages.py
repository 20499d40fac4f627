"""Stages of a residual network (He et al. 2016), with torchvision's parameter names.

layer2 = residual_stage("bottleneck", inputs=256, planes=128, blocks=4, stride=2)
"""

from __future__ import annotations

from typing import Literal

from torch import nn


def residual_stage(
    kind: Literal["basic", "bottleneck"], inputs: int, planes: int, blocks: int, stride: int
) -> nn.Sequential:
    """A stage of ``blocks`` blocks: (B, inputs, h, w) to (B, planes · expansion, h / stride,
    w / stride)."""
    # imported here: takes two seconds to load, and other stages do not need it
    from torchvision.models.resnet import BasicBlock, Bottleneck

    block = {"basic": BasicBlock, "bottleneck": Bottleneck}[kind]
    outputs = planes * block.expansion
    shortcut = None
    if stride != 1 or inputs != outputs:
        shortcut = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
        )
    first = block(inputs, planes, stride, shortcut)
    return nn.Sequential(first, *(block(outputs, planes) for _ in range(blocks - 1)))
