"""Write a generator, with the rules it has now, for other tools (``.pt``) or for this one.

    export_generator(edit.apply(g), "hat.pt")            # {"g_ema", "latent_avg"}
    export_generator(edit.apply(g), "hat.safetensors")   # with provenance

The ``.pt`` layout is the common PyTorch port's, whose strict loading wants blur kernels and noise
maps too: a layer without a map of its own gets the fixed one that is drawn with here.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.files.atomic import atomic_path
from palimpsest.generators.base import Generator, ValueState
from palimpsest.generators.checkpoints.palimpsest_safetensors import save_generator
from palimpsest.generators.checkpoints.stylegan2_nvidia import CLAMP
from palimpsest.generators.checkpoints.stylegan2_pytorch import layout_tensors, on_cpu
from palimpsest.generators.samples import sample_z
from palimpsest.generators.stylegan2 import StyleGAN2


def export_generator(
    generator: Generator,
    path: str | PathLike[str],
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write ``generator`` to ``path``, whole or not at all; the suffix chooses the layout.

    ``provenance``: kept in ``.safetensors`` only; ``.pt`` has no place for it. Raises
    `ParameterError` for another suffix, and for a generator that the layout cannot hold.
    """
    suffix = Path(path).suffix
    if suffix == ".safetensors":
        save_generator(generator, path, provenance)
    elif suffix == ".pt":
        content = published_layout(generator)
        with atomic_path(path) as unfinished:
            torch.save(content, unfinished)
    else:
        raise ParameterError(f"{path}: export writes .pt or .safetensors, not {suffix!r}")


def published_layout(generator: Generator) -> dict[str, Any]:
    """The tensors under the names of the published layouts, as `load_generator` reads them.

    StyleGAN2: {"g_ema": {name: tensor}, "latent_avg": (style_dim,)}, without the mean where it is
    unknown. Progressive GAN: {name: tensor}. Raises `ParameterError` for a mini generator, whose
    mapping network reads an encoding of z that those layouts do not know.
    """
    if generator.encoding is not None:
        raise ParameterError(
            "a generator with an encoded z (a mini generator) has no place in the common .pt "
            "layout; export it as .safetensors"
        )
    if isinstance(generator, StyleGAN2):
        return layout_tensors(generator)
    return {name: on_cpu(tensor) for name, tensor in generator.state_dict().items()}


def beyond_clamp(generator: Generator, n: int = 4) -> tuple[float, float] | None:
    """(largest value, limit) where the values of ``n`` samples exceed the file's ``conv_clamp``.

    NVIDIA's code limits activations so that half precision holds them; here they are not limited.
    None where the file had no such limit or no sample reaches it: the images are then the same.
    """
    limit = generator.provenance.get(CLAMP)
    if limit is None:
        return None
    largest = 0.0
    for z in sample_z(generator, n=n, seed=1).split(1):
        values: Tensor | ValueState = z
        for number in generator.layers:
            values = generator.values_at(values, number)
            largest = max(largest, float(values.v.abs().max()))
    return (largest, float(limit)) if largest > float(limit) else None
