"""StyleGAN2 of the genforce library, configuration F: the same network as NVIDIA's.

    mapping.denseI.*            style.{I+1}.*           synthesis.early_layer.const  input.input
    synthesis.layer0.*          conv1.*                 synthesis.output0.*          to_rgb1.*
    synthesis.layerN.*          convs.{N-1}.*           synthesis.outputN.*          to_rgbs.{N-1}.*
    truncation.w_avg            latent_avg              synthesis.layerN.noise       noises.noise_N

``style.bias`` of a layer is one less than here, and the weight of a doubling layer (odd N) is
turned by 180°, as in NVIDIA's TensorFlow code.
"""

from __future__ import annotations

import re
from pathlib import Path

from torch import Tensor

from palimpsest.generators.checkpoints import stylegan2_pytorch
from palimpsest.generators.checkpoints.containers import Content
from palimpsest.generators.checkpoints.renaming import Rule, renamed
from palimpsest.generators.stylegan2 import StyleGAN2

MARKS = ("synthesis.early_layer.const", "synthesis.layer0.style.weight")
PARTS = {
    "weight": "conv.weight",
    "style.weight": "conv.modulation.weight",
    "style.bias": "conv.modulation.bias",
    "noise_strength": "noise.weight",
    "filter.kernel": "conv.blur.kernel",
}


def build(path: Path, content: Content) -> StyleGAN2:
    """The StyleGAN2 of the file. Raises `CheckpointError` for incomplete or unknown tensors."""
    return stylegan2_pytorch.build(path, renamed(content, RULES))


def _layer(match: re.Match[str]) -> str:
    number, part = int(match[1]), match[2]
    if part == "noise":
        return f"noises.noise_{number}"
    own = PARTS.get(part, "activate.bias")
    return f"convs.{number - 1}.{own}" if number else f"conv1.{own}"


def _to_rgb(match: re.Match[str]) -> str:
    number, part = int(match[1]), match[2]
    own = PARTS.get(part, "bias")
    return f"to_rgbs.{number - 1}.{own}" if number else f"to_rgb1.{own}"


def _turned(weight: Tensor) -> Tensor:
    return weight.flip(-2, -1)


def _one_more(bias: Tensor) -> Tensor:
    return bias + 1


def _plane(kernel: Tensor) -> Tensor:
    return kernel.reshape(kernel.shape[-2:]) if kernel.numel() == 16 else kernel


LAYER, OUTPUT = r"synthesis\.layer(\d+)\.", r"synthesis\.output(\d+)\."
RULES = (
    Rule(r"mapping\.dense(\d+)\.(.+)", lambda match: f"style.{int(match[1]) + 1}.{match[2]}"),
    Rule(r"truncation\.w_avg", lambda match: "latent_avg"),
    Rule(r"synthesis\.early_layer\.const", lambda match: "input.input"),
    Rule(r"synthesis\.upsample\.kernel", lambda match: "to_rgbs.0.upsample.kernel", _plane),
    Rule(LAYER + r"(filter\.kernel)", _layer, _plane),
    Rule(LAYER + r"(style\.bias)", _layer, _one_more),
    Rule(LAYER.replace(r"\d+", r"\d*[13579]") + r"(weight)", _layer, _turned),
    Rule(LAYER + r"(noise_strength)", _layer, lambda tensor: tensor.reshape(-1)),
    Rule(LAYER + r"(weight|bias|noise|style\.weight)", _layer),
    Rule(OUTPUT + r"(style\.bias)", _to_rgb, _one_more),
    Rule(OUTPUT + r"(bias)", _to_rgb, lambda tensor: tensor.reshape(1, -1, 1, 1)),
    Rule(OUTPUT + r"(weight|style\.weight)", _to_rgb),
)
