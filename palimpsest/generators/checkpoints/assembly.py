"""Build a generator from named tensors: every name must be used, every shape must fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from palimpsest.errors import CheckpointError
from palimpsest.generators.base import Generator
from palimpsest.generators.stylegan2 import StyleGAN2

WHOLE = "save the whole state dict of the network"
NOISE_NAME = re.compile(r"noises\.noise_(\d+)")


def assemble(
    path: object,
    network: Callable[[], Generator],
    tensors: Mapping[str, Tensor],
    file_name: Callable[[str], str] = str,
    provenance: Mapping[str, Any] | None = None,
) -> Generator:
    """``network`` filled with ``tensors``: float32, eval mode, no gradients.

    ``file_name`` gives a tensor's name in the file, for messages; ``provenance`` is kept with the
    generator. ``latent_avg`` may be missing: it is then NaN, so that a truncation without it cannot
    pass unnoticed. Raises `CheckpointError` naming the first tensor that is missing, unknown, of
    the wrong shape, or not finite.
    """
    try:
        with _Unfilled():
            generator = network()
    except RuntimeError as problem:  # sizes that fit in no memory
        raise CheckpointError(
            f"{path}: a network of these sizes cannot be built; the file is damaged ({problem})"
        ) from problem
    maps, given = {}, {}
    for name, tensor in tensors.items():
        (maps if NOISE_NAME.fullmatch(name) else given)[name] = tensor
    expected = generator.state_dict()
    if "latent_avg" in expected and "latent_avg" not in given:
        given["latent_avg"] = torch.full(tuple(expected["latent_avg"].shape), torch.nan)
    _check_names(path, expected, given, file_name)
    for name, tensor in given.items():
        unknown_mean = name == "latent_avg" and bool(tensor.isnan().all())
        _check_tensor(path, file_name(name), tensor, expected[name].shape, unknown_mean)
    state = {name: _own_float32(tensor) for name, tensor in given.items()}
    generator.load_state_dict(state, assign=True)
    if isinstance(generator, StyleGAN2):
        _add_noise_maps(path, generator, maps, file_name)
    elif maps:
        raise CheckpointError(f"{path}: noise maps ({next(iter(maps))}) in a Progressive GAN")
    generator.provenance = dict(provenance or {})
    return generator.eval().requires_grad_(False)


class _Unfilled(TorchFunctionMode):
    """Replaces ``torch.randn`` by ``torch.empty``: the weights come from the file.

    Drawing random weights would take time and change the caller's random state. (The meta device
    would do as well, but it imports PyTorch's compiler at the first division, which takes 6 s.)
    """

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        return (torch.empty if func is torch.randn else func)(*args, **(kwargs or {}))


def _own_float32(tensor: Tensor) -> Tensor:
    """A contiguous float32 copy that keeps neither the file nor a larger storage alive."""
    return tensor.detach().to(torch.float32, copy=True).contiguous()


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix``, under the rest of their names."""
    return {name[len(prefix) :]: tensors[name] for name in tensors if name.startswith(prefix)}


def sized(
    path: object,
    tensors: Mapping[str, Tensor],
    name: str,
    file_name: Callable[[str], str],
    axes: int,
) -> Tensor:
    """The tensor ``name``, whose shape gives a size of the network, with so many ``axes``.

    Raises `CheckpointError` where it is missing or has another number of axes.
    """
    if name not in tensors:
        raise CheckpointError(f"{path}: tensor {file_name(name)} is missing; {WHOLE}")
    if tensors[name].ndim != axes:
        raise CheckpointError(
            f"{path}: tensor {file_name(name)} has shape {tuple(tensors[name].shape)}; "
            f"{axes} axes are needed"
        )
    return tensors[name]


def _check_names(
    path: object,
    expected: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    file_name: Callable[[str], str],
) -> None:
    missing = [name for name in expected if name not in given]
    if missing:
        raise CheckpointError(
            f"{path}: tensor {file_name(missing[0])} is missing{_and_more(missing)}; {WHOLE}"
        )
    unknown = [name for name in given if name not in expected]
    if unknown:
        raise CheckpointError(
            f"{path}: tensor {file_name(unknown[0])} has no place in this network"
            f"{_and_more(unknown)}; is it another architecture?"
        )


def _and_more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""


def _check_tensor(
    path: object, name: str, tensor: Tensor, shape: torch.Size, unknown_mean: bool = False
) -> None:
    if tensor.shape != shape:
        raise CheckpointError(
            f"{path}: tensor {name} has shape {tuple(tensor.shape)}; "
            f"the rest of the network needs {tuple(shape)}"
        )
    if not tensor.is_floating_point():
        raise CheckpointError(f"{path}: tensor {name} holds {tensor.dtype}, not real numbers")
    if not (unknown_mean or bool(tensor.isfinite().all())):
        raise CheckpointError(
            f"{path}: tensor {name} holds numbers that are not finite; the training diverged or "
            "the file is damaged"
        )


def _add_noise_maps(
    path: object,
    generator: StyleGAN2,
    maps: Mapping[str, Tensor],
    file_name: Callable[[str], str],
) -> None:
    """Keep the checkpoint's own noise for ``noise="buffers"``; not part of `weights_sha256`."""
    for name, tensor in maps.items():
        index = int(NOISE_NAME.fullmatch(name).group(1))
        if index + 2 not in generator.layers:
            raise CheckpointError(
                f"{path}: noise map {file_name(name)} belongs to no layer; this network has "
                f"{len(generator.layers)} of them"
            )
        shape = torch.Size((1, 1, *generator.layer(index + 2).value_shape))
        _check_tensor(path, file_name(name), tensor, shape)
        generator.noises.register_buffer(f"noise_{index}", _own_float32(tensor), persistent=False)
