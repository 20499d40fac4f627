"""Load a generator from a file; the layout is recognised by content, never by file name.

    g = load_generator("stylegan2_church.pt", truncation=0.5)

Readable are the layouts of StyleGAN2 and of Progressive GAN in `layouts`, NVIDIA's pickles, and
this project's safetensors. No code from a file is ever run.
"""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path

from palimpsest.errors import CheckpointError, ParameterError
from palimpsest.generators.base import Generator
from palimpsest.generators.checkpoints.containers import read_checkpoint
from palimpsest.generators.checkpoints.layouts import network_in
from palimpsest.generators.checkpoints.mean_latent import estimate_mean as estimated
from palimpsest.generators.noise import NOISE_MODES
from palimpsest.generators.style_based import StyleBased
from palimpsest.generators.stylegan2 import StyleGAN2


def load_generator(
    path: str | PathLike[str],
    truncation: float = 1.0,
    noise: str = "single",
    estimate_mean: bool = False,
) -> Generator:
    """The generator in the file ``path``: float32 on the CPU, eval mode, no gradients.

    ``truncation``: factor on the distance of w from its mean; 1 changes nothing (StyleGAN2 only).
    ``noise``: one of `NOISE_MODES`, see `noise.layer_noise`.
    ``estimate_mean``: estimate the mean latent from 10,000 samples if the file holds none
    (`mean_latent.estimate_mean`).

    Raises `CheckpointError` if the file is missing, damaged, of an unknown layout, or lacks tensors
    that the options need, and `ParameterError` for an invalid option.
    """
    if noise not in NOISE_MODES:
        raise ParameterError(
            f"unknown noise mode {noise!r}; the modes are {', '.join(NOISE_MODES)}"
        )
    if not math.isfinite(truncation):
        raise ParameterError(
            f"truncation {truncation} is not a finite number; 1 turns it off, 0.5 is usual"
        )
    path = Path(path)
    layout, network = network_in(path, read_checkpoint(path))
    generator = layout.build(path, network)
    if isinstance(generator, StyleBased):
        if estimate_mean and not generator.latent_avg.isfinite().all():
            estimated(generator)
        _check_options(path, generator, truncation, noise)
        generator.truncation = float(truncation)
    generator.noise = noise
    return generator


def _check_options(path: Path, generator: StyleBased, truncation: float, noise: str) -> None:
    if truncation != 1.0 and not generator.latent_avg.isfinite().all():
        raise CheckpointError(
            f"{path}: truncation {truncation} needs the mean latent, and the file holds no "
            f"'latent_avg' of shape ({generator.latent_avg.numel()},); load it with truncation=1, "
            "or have it estimated (--estimate-mean, in Python estimate_mean=True)"
        )
    if noise == "buffers" and isinstance(generator, StyleGAN2):
        held = {name for name, _ in generator.noises.named_buffers()}
        lacking = [n for n in generator.layers if f"noise_{n - 2}" not in held]
        if lacking:
            raise CheckpointError(
                f"{path}: noise='buffers' needs the file's own noise maps, and it has none for "
                f"layer {lacking[0]} (noises.noise_{lacking[0] - 2}); use noise='single'"
            )
