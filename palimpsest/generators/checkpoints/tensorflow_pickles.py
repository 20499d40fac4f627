"""Pickles of NVIDIA's TensorFlow code: Progressive GAN (2018), StyleGAN2 and StyleGAN2-ADA.

The variables' names tell which network it is (`tensorflow_networks` reads them)::

    4x4/Dense/weight                Progressive GAN       `tensorflow_progressive`
    synthesis/4x4/Conv/mod_weight   StyleGAN2             `tensorflow_stylegan2`
    synthesis/*/StyleMod/weight     StyleGAN, the first   refused
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from palimpsest.generators.checkpoints import tensorflow_progressive, tensorflow_stylegan2
from palimpsest.generators.checkpoints.tensorflow_networks import SOURCE, tensorflow_network


def read_tensorflow(path: Path, tree: Any, size: int) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors of the average generator in a pickle's ``tree``, and notes for its metadata.

    Progressive GAN in the layout of `progressive_layers`, StyleGAN2 in that of `stylegan2_pytorch`.
    ``size``: bytes of the file, an upper limit for its variables. Raises `PickleDamaged`, and
    `CheckpointError` for another network.
    """
    network = tensorflow_network(path, tree, size)
    notes = {"source": SOURCE}
    if tensorflow_progressive.matches(network):
        return tensorflow_progressive.progressive_tensors(network), notes
    if tensorflow_stylegan2.matches(network):
        tensors, limits = tensorflow_stylegan2.common_tensors(network)
        return tensors, notes | limits
    if any("/StyleMod/" in name for name in network.variables):
        raise network.refuse("the first StyleGAN, whose styles are not in the convolutions")
    names = ", ".join(name[:40] for name in list(network.variables)[:3])
    raise network.refuse(f"a network with the variables {names} ..." if names else "no variables")
