"""Networks that are not opened here, by the names of their tensors, in words for a message."""

from __future__ import annotations

import re
from collections.abc import Iterable

WRAP = "any other network can be opened with wrap() in Python, or --network in commands"

OTHERS = (
    (
        r"iwt\.(ll|lh|hl|hh)",
        "SWAGAN, a StyleGAN2 that draws wavelet coefficients in place of pixels",
    ),
    (
        r"(G|GE)\.blocks\.\d+\.to_style1\.weight|blocks\.\d+\.to_noise1\.weight",
        "the StyleGAN2 of lucidrains' stylegan2-pytorch, another network than NVIDIA's: it doubles "
        "maps before its convolutions, has noise for each channel, and no scale of its weights",
    ),
    (
        r"(down_blocks|up_blocks|mid_block)\.\d*\.?(resnets|attentions)\..*"
        r"|model\.diffusion_model\..*|first_stage_model\..*",
        "a diffusion model (as of diffusers), not a GAN's generator",
    ),
    (
        r"progression\.\d+\.conv1\..*|synthesis\.blocks\.\w+\.epi1\..*"
        r"|synthesis\.layer0\.epilogue\..*|g_synthesis\.blocks\..*",
        "the first StyleGAN, which normalises maps in place of weights",
    ),
    (
        r"convs\.\d+\.conv1\.0\.weight|final_linear\.\d+\.weight|final_conv\.0\.weight"
        r"|b\d+\.fromrgb\.weight|b4\.(out|fc)\.weight",
        "a discriminator alone; the generator's weights are needed",
    ),
)
"""(pattern of a tensor's name after any keys, what it belongs to), the most telling ones first."""


def known_network(names: Iterable[str]) -> str:
    """What network has tensors of these ``names``; "" if that is not known."""
    names = list(names)
    for pattern, kind in OTHERS:
        whole = re.compile(rf"(?:.*\.)?(?:{pattern})")
        if any(whole.fullmatch(name) for name in names):
            return kind
    return ""
