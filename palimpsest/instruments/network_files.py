"""Files of an instrument's network: weights, and for our own networks a description in JSON.

    save_network(path, network, kind, description)           # our own, .safetensors
    network, description = load_network(path, kind, build)
    fill(path, network, tensors, "Slim-CNN")                 # a published network

Our own weights are float16, but a batch norm's running statistics are float32, since squares of
activations exceed float16's range.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from palimpsest.errors import CheckpointError
from palimpsest.files.arrays import load_arrays, save_arrays

FORMAT_VERSION = 1


class Kind(NamedTuple):
    """A kind of network file: its metadata ``key``, its ``name`` in errors, the ``stage`` that
    writes it, and the ``fields`` of its description."""

    key: str
    name: str
    stage: str
    fields: tuple[str, ...]


def save_network(
    path: str | PathLike[str],
    network: nn.Module,
    kind: Kind,
    description: Mapping[str, Any],
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write a ``.safetensors`` file, atomically; weights as ``dtype``, the rest as float32."""
    arrays = {}
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            exact = name.endswith(("running_mean", "running_var"))
            arrays[name] = tensor.to(torch.float32 if exact else dtype)
    described = {"format": FORMAT_VERSION, **description}
    save_arrays(path, arrays, {kind.key: json.dumps(described, sort_keys=True)})


def load_network(
    path: str | PathLike[str], kind: Kind, build: Callable[[dict[str, Any]], nn.Module]
) -> tuple[nn.Module, dict[str, Any]]:
    """The network and the description in a file that `save_network` wrote.

    ``build`` makes the network from the description; its weights are then loaded. Raises
    `CheckpointError` for a file that is missing, damaged, or of another kind.
    """
    arrays, metadata = load_arrays(path, CheckpointError)
    if kind.key not in metadata:
        raise CheckpointError(
            f"{path}: not a {kind.name} file (its metadata has no {kind.key!r}); give one that "
            f"{kind.stage} wrote"
        )
    try:
        description = json.loads(metadata[kind.key])
        if description["format"] != FORMAT_VERSION:
            raise ValueError(f"format {description['format']!r}, not {FORMAT_VERSION}")
        for field in kind.fields:
            if field not in description:
                raise ValueError(f"no {field!r} in it")
        network = build(description)
        counters = {
            name: tensor
            for name, tensor in network.state_dict().items()
            if not tensor.is_floating_point()
        }
        network.load_state_dict(counters | arrays)
        return network, description
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as problem:
        raise CheckpointError(
            f"{path}: the {kind.name}'s description does not fit its weights "
            f"({type(problem).__name__}: {problem}); train or fetch it again"
        ) from problem


def fill(path: object, network: nn.Module, tensors: Mapping[str, Tensor], what: str) -> nn.Module:
    """The ``network`` with the given ``tensors``, which must match exactly, as float32.

    Batch counters (``num_batches_tracked``) may be missing, since they are not used. Raises
    `CheckpointError` naming ``what`` the file should hold, and the first tensor that is missing,
    unknown, of the wrong shape, or not finite.
    """
    wanted = network.state_dict()
    counters = {name: tensor for name, tensor in wanted.items() if not tensor.is_floating_point()}
    given = {name: tensor for name, tensor in tensors.items() if name not in counters}
    for name, tensor in wanted.items():
        if name in counters:
            continue
        if name not in given:
            raise CheckpointError(f"{path}: not a {what}: tensor {name} is missing; fetch it again")
        if given[name].shape != tensor.shape:
            raise CheckpointError(
                f"{path}: not a {what}: tensor {name} has shape {tuple(given[name].shape)}, "
                f"not {tuple(tensor.shape)}; fetch it again"
            )
        if not (given[name].is_floating_point() and bool(given[name].isfinite().all())):
            raise CheckpointError(
                f"{path}: tensor {name} holds numbers that are not finite; fetch it again"
            )
    if unknown := [name for name in given if name not in wanted]:
        raise CheckpointError(f"{path}: not a {what}: it has an unknown tensor {unknown[0]}")
    filled = {name: tensor.detach().to(torch.float32) for name, tensor in given.items()}
    network.load_state_dict(filled | counters, assign=False)
    return network
