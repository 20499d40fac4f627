"""Progressive GAN of NVIDIA's Theano code (2017): its arrays as variables of the TensorFlow code.

An object holds its settings (``build_func_spec``) and a list of arrays without names
(``param_values``): for each layer the weight, divided by its root mean square at the start of the
training; that number; the bias. The layers are the 4x4 kernel of z, the 3x3 convolutions in their
order, and the output layers, the largest first. Theano's convolution turns its kernel by 180°.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from palimpsest.generators.checkpoints.pickle_machine import PickleDamaged
from palimpsest.generators.checkpoints.pickled_arrays import stored_array

GENERATORS = ("G_paper", "G_progressive_8")
RELU = math.sqrt(2.0)


def is_theano(state: Mapping) -> bool:
    """Whether the ``state`` of a network is one of the Theano code."""
    return "version" not in state and "build_func_spec" in state


def theano_variables(state: Mapping, use_wscale: bool, size: int) -> dict[str, np.ndarray]:
    """Variables of `tensorflow_progressive`, with ``lod`` last, of ``size`` bytes at most.

    Raises `PickleDamaged`.
    """
    values = state.get("param_values")
    arrays = [stored_array(value) for value in values] if isinstance(values, list) else []
    if not arrays or any(array is None for array in arrays):
        raise PickleDamaged("a network without its arrays")
    if sum(array.nbytes for array in arrays) > size:
        raise PickleDamaged("its arrays are larger than the file")
    # layers: z's kernel, 4x4, two for each further size; outputs: one for each size
    per_layer = 3 if use_wscale else 2
    sizes = (len(arrays) // per_layer) // 3  # (2 + 2 (sizes - 1) + sizes) layers
    if len(arrays) != 3 * sizes * per_layer:
        raise PickleDamaged(f"{len(arrays)} arrays, which are no Progressive GAN")
    rest = iter(arrays)
    variables: dict[str, np.ndarray] = {}
    for scope, axes, gain in _layers(sizes):
        weight = next(rest)
        scale = next(rest) if use_wscale else np.ones(())
        if weight.ndim != axes or not weight.size or scale.ndim:
            raise PickleDamaged(f"a weight of shape {weight.shape} in the place of {scope}")
        if scope == "4x4/Dense":
            weight = weight.transpose(1, 0, 2, 3).reshape(weight.shape[1], -1)
        elif axes == 4:
            weight = weight.transpose(2, 3, 1, 0)[::-1, ::-1]
        else:
            weight = weight[None, None]
        if use_wscale:
            rate = gain / math.sqrt(math.prod(weight.shape[:-1]))
            weight = weight * np.float32(scale / rate)
        variables[f"{scope}/weight"], variables[f"{scope}/bias"] = weight, next(rest)
    top = state.get("toplevel_params", {})
    level = stored_array(top.get("cur_lod")) if isinstance(top, Mapping) else None
    return variables | ({} if level is None else {"lod": level})


def _layers(sizes: int) -> Iterator[tuple[str, int, float]]:
    """Name, axes of the weight and gain of each layer, in the order of the arrays."""
    yield "4x4/Dense", 4, RELU / 4
    yield "4x4/Conv", 4, RELU
    for size in (2**power for power in range(3, sizes + 2)):
        yield f"{size}x{size}/Conv0", 4, RELU
        yield f"{size}x{size}/Conv1", 4, RELU
    for level in range(sizes):
        yield f"ToRGB_lod{level}", 2, 1.0
