"""Write a generator with its present weights for other tools (``.pt``, ``.pkl``) or for this one.

    export_generator(edit.apply(g), "hat.pt")            # {"g_ema", "latent_avg"}
    export_generator(edit.apply(g), "hat.pkl")           # for NVIDIA's code
    export_generator(edit.apply(g), "hat.safetensors")   # with provenance

The ``.pt`` layouts are `stylegan2_pytorch` and `progressive_layers`, ``.pkl`` is `nvidia_export`.
Any other network (`wrap`) becomes its own state dict, in both ``.pt`` and ``.safetensors``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.files.arrays import save_arrays
from palimpsest.files.atomic import atomic_path, atomic_write_bytes
from palimpsest.generators.base import Generator, ValueState
from palimpsest.generators.checkpoints.nvidia_export import nvidia_pickle
from palimpsest.generators.checkpoints.palimpsest_safetensors import save_generator
from palimpsest.generators.checkpoints.stylegan2_nvidia import CLAMP
from palimpsest.generators.checkpoints.stylegan2_pytorch import layout_tensors, on_cpu
from palimpsest.generators.checkpoints.stylegan3_names import state_dict
from palimpsest.generators.samples import sample_z
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.generators.stylegan3 import StyleGAN3
from palimpsest.generators.wrapped import WrappedGenerator
from palimpsest.generators.wrapped_export import state_dict_of


def export_generator(
    generator: Generator,
    path: str | PathLike[str],
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write ``generator`` to ``path`` atomically; the suffix selects the layout.

    ``provenance``: stored in ``.safetensors`` only. Raises `ParameterError` for another suffix, and
    for a generator that the layout cannot hold.
    """
    suffix = Path(path).suffix
    if isinstance(generator, WrappedGenerator):
        _export_wrapped(generator, path, provenance or {})
    elif suffix == ".safetensors":
        save_generator(generator, path, provenance)
    elif suffix == ".pt":
        content = published_layout(generator)
        with atomic_path(path) as unfinished:
            torch.save(content, unfinished)
    elif suffix == ".pkl":
        atomic_write_bytes(path, nvidia_pickle(generator))
    else:
        raise ParameterError(f"{path}: export writes .pt, .pkl or .safetensors, not {suffix!r}")


def _export_wrapped(
    g: WrappedGenerator, path: str | PathLike[str], provenance: Mapping[str, Any]
) -> None:
    tensors = state_dict_of(g.network, g.as_given)
    suffix = Path(path).suffix
    if suffix == ".safetensors":
        save_arrays(path, tensors, {"provenance": json.dumps(provenance)})
    elif suffix == ".pt":
        with atomic_path(path) as unfinished:
            torch.save(tensors, unfinished)
    else:
        raise ParameterError(
            f"{path}: the state dict of another network is written as .pt or .safetensors"
        )


def published_layout(generator: Generator) -> dict[str, Any]:
    """The tensors of ``generator`` in its published layout, as `torch.save` takes them.

    StyleGAN2: see `stylegan2_pytorch.layout_tensors`. StyleGAN3: {NVIDIA's name: tensor}.
    Progressive GAN: {name: tensor}. Raises
    `ParameterError` for a mini generator: the layouts cannot store its input encoding.
    """
    if generator.encoding is not None:
        raise ParameterError(
            "a generator with an encoded z (a mini generator) has no place in the common .pt "
            "layout; export it as .safetensors"
        )
    if isinstance(generator, StyleGAN2):
        return layout_tensors(generator)
    if isinstance(generator, StyleGAN3):
        return state_dict(generator)
    return {name: on_cpu(tensor) for name, tensor in generator.state_dict().items()}


def beyond_clamp(generator: Generator, n: int = 4) -> tuple[float, float] | None:
    """(largest value, limit) if the values of ``n`` samples exceed the file's ``conv_clamp``.

    NVIDIA's code clamps activations for half precision; this project does not. None if the file
    has no such limit or no sample exceeds it: both then make the same images.
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
