"""StyleGAN2 as the paper's own code saves it after an edit: ``SeqStyleGAN2.state_dict()``.

That network is the common one (`stylegan2_pytorch`) as a sequence of layers::

    layer2.conv.mconv.*         conv1.conv.*           layerN.sconv.mconv.*   convs.{N-3}.conv.*
    *.mconv.dconv.weight        *.conv.weight          to_rgb1.rgb.*          to_rgb1.*
    to_rgbK.rgb.*               to_rgbs.{K-2}.*        up_rgbK.kernel  to_rgbs.{K-1}.upsample.kernel
    latents.latent_avg          latent_avg             style.*, noises.*, input.*  the same
"""

from __future__ import annotations

import re
from pathlib import Path

from palimpsest.generators.checkpoints import stylegan2_pytorch
from palimpsest.generators.checkpoints.containers import Content
from palimpsest.generators.checkpoints.renaming import Rule, renamed
from palimpsest.generators.stylegan2 import StyleGAN2

MARKS = ("layer2.conv.mconv.dconv.weight", "layer3.sconv.mconv.dconv.weight")


def build(path: Path, content: Content) -> StyleGAN2:
    """The StyleGAN2 of the file. Raises `CheckpointError` for incomplete or unknown tensors."""
    return stylegan2_pytorch.build(path, renamed(content, RULES))


def _layer(match: re.Match[str]) -> str:
    number, rest = int(match[1]), match[2]
    rest = rest.replace("mconv.dconv.", "mconv.").replace("mconv.", "conv.")
    return f"conv1.{rest}" if number == 2 else f"convs.{number - 3}.{rest}"


def _to_rgb(match: re.Match[str]) -> str:
    number = int(match[1])
    return f"to_rgb1.{match[2]}" if number == 1 else f"to_rgbs.{number - 2}.{match[2]}"


RULES = (
    Rule(r"layer(\d+)\.s?conv\.(.+)", _layer),
    Rule(r"to_rgb(\d+)\.rgb\.(.+)", _to_rgb),
    Rule(r"up_rgb(\d+)\.kernel", lambda match: f"to_rgbs.{int(match[1]) - 1}.upsample.kernel"),
    Rule(r"latents\.latent_avg", lambda match: "latent_avg"),
)
