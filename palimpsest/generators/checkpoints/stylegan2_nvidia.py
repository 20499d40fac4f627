"""NVIDIA's pickles of stylegan2-ada-pytorch and stylegan3: ``network.pkl``.

Such a file holds the networks with their Python source. The source is not run: the pickle is read
as data (`restricted_unpickler`), and G_ema's tensors get the names of `stylegan2_pytorch`::

    mapping.fcI.*           style.{I+1}.*            synthesis.b4.const      input.input
    synthesis.b4.conv1.*    conv1.*                  synthesis.b4.torgb.*    to_rgb1.*
    synthesis.bR.conv0.*    convs.{2i}.*, R = 8 2^i  synthesis.bR.torgb.*    to_rgbs.{i}.*
    synthesis.bR.conv1.*    convs.{2i+1}.*           mapping.w_avg           latent_avg

Both layouts store weights before their run-time scale, upsample with an unflipped transposed
convolution and a [1, 3, 3, 1] filter of sum 4, and initialise the styles' bias with one, so no
tensor needs conversion. (NVIDIA adds demodulation's 1e-8 before that scale, this project after it:
a relative difference of about 1e-8.) NVIDIA's limit on activations (``conv_clamp``) is noted but
not applied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.generators.checkpoints import stylegan3_pickle
from palimpsest.generators.checkpoints.pickle_machine import (
    Named,
    PickleDamaged,
    PickleRefused,
)
from palimpsest.generators.checkpoints.pickled_tensors import StoredTensor
from palimpsest.generators.checkpoints.restricted_unpickler import Persistent, Record
from palimpsest.generators.checkpoints.tensorflow_networks import is_tensorflow
from palimpsest.generators.checkpoints.tensorflow_pickles import read_tensorflow
from palimpsest.generators.stylegan2 import MAPPING_RATE, blur_kernel

CLAMP = "conv_clamp"


def is_nvidia(tree: Any) -> bool:
    """Whether the ``tree`` of a pickle is of NVIDIA's code: PyTorch, TensorFlow or Theano."""
    if is_tensorflow(tree):
        return True
    things = list(tree.values()) if isinstance(tree, dict) else [tree]
    return any(isinstance(thing, Persistent) for thing in things) or (
        isinstance(tree, dict) and "training_set_kwargs" in tree
    )


def read_nvidia(
    path: Path, tree: Any, size: int, readable: str
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors of the G_ema in a pickle's ``tree`` in the common layout, and notes for its metadata.

    ``size``: bytes of the file, an upper limit for its tensors. ``readable``: the readable formats,
    for messages. Notes: ``source``, and ``conv_clamp`` if there is one. Raises `CheckpointError`
    for a pickle that is hostile, damaged, or of another network than StyleGAN2.
    """
    try:
        if is_tensorflow(tree):
            return read_tensorflow(path, tree, size)
        network = _Network(path, _generator(path, tree, readable), size)
        if stylegan3_pickle.is_stylegan3(network):
            return stylegan3_pickle.from_pickle(network)
        return _converted(network)
    except PickleRefused as problem:
        raise CheckpointError(f"{path}: {_refusal(str(problem))}; {readable}") from problem
    except PickleDamaged as problem:
        raise CheckpointError(
            f"{path}: a pickle of NVIDIA's StyleGAN, damaged or cut short ({problem}); "
            "fetch or export it again"
        ) from problem


def _refusal(asked: str) -> str:
    return (
        f"refused: a pickle of NVIDIA's StyleGAN whose network refers to {asked}, and loading that "
        "could run code from the file"
    )


def _generator(path: Path, tree: Any, readable: str) -> Persistent:
    """The averaged generator; other things in the file may be whatever they are."""
    found = tree.get("G_ema") if isinstance(tree, dict) else tree
    if isinstance(found, (Record, Named)):
        raise PickleRefused(found.name)
    if not isinstance(found, Persistent):
        raise CheckpointError(f"{path}: a pickle of NVIDIA's without a network 'G_ema'; {readable}")
    return found


class _Network:
    """The modules and tensors of a pickled network under dotted names; each is taken once."""

    def __init__(self, path: Path, root: Persistent, size: int) -> None:
        self.path = path
        self.modules: dict[str, Persistent] = {}
        self.tensors: dict[str, StoredTensor] = {}
        waiting, seen = [("", root)], set()
        while waiting:
            name, module = waiting.pop()
            if isinstance(module, (Record, Named)):
                raise PickleRefused(module.name)
            if not isinstance(module, Persistent) or id(module) in seen:
                raise PickleDamaged(
                    f"module {name[:80] or 'G_ema'} is not a module, or is in it twice"
                )
            seen.add(id(module))
            self.modules[name] = module
            dot = f"{name}." if name else ""
            for part in ("_parameters", "_buffers"):
                for own, tensor in _entries(module, part):
                    if isinstance(tensor, (Record, Named)):
                        raise PickleRefused(tensor.name)
                    if isinstance(tensor, StoredTensor):
                        self.tensors[dot + own] = tensor
            waiting += [(dot + own, below) for own, below in _entries(module, "_modules")]
        held = {id(t.numbers): t.numbers.nbytes for t in self.tensors.values()}
        if sum(held.values()) > size:
            raise PickleDamaged("its tensors are larger than the file")

    def attribute(self, module: str, name: str, otherwise: Any = None) -> Any:
        return self.modules[module].state.get(name, otherwise) if module in self.modules else None

    def take(self, name: str) -> Tensor:
        if name not in self.tensors:
            raise CheckpointError(
                f"{self.path}: tensor {name} is missing; the file is incomplete, so export or "
                "fetch it again"
            )
        return self.tensors.pop(name).read()

    def refuse(self, what: str) -> CheckpointError:
        return CheckpointError(
            f"{self.path}: {what}, which has no place in the StyleGAN2 that is opened here"
        )


def _entries(module: Persistent, part: str) -> list[tuple[str, Any]]:
    found = module.state.get(part) or {}
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        raise PickleDamaged(f"{part} of a module is not a dictionary with text keys")
    return list(found.items())


def _converted(network: _Network) -> tuple[dict[str, Tensor], dict[str, str]]:
    _check_kind(network)
    tensors: dict[str, Tensor] = {}
    count = sum(bool(re.fullmatch(r"mapping\.fc\d+", name)) for name in network.modules)
    for i in range(count):
        rate = network.attribute(f"mapping.fc{i}", "bias_gain", MAPPING_RATE)
        if not isinstance(rate, (int, float)):
            raise PickleDamaged(f"bias_gain of mapping.fc{i} is not a number")
        for part in ("weight", "bias"):
            tensor = network.take(f"mapping.fc{i}.{part}")
            same = rate == MAPPING_RATE
            tensors[f"style.{i + 1}.{part}"] = tensor if same else tensor * (rate / MAPPING_RATE)
    if "mapping.w_avg" in network.tensors:
        tensors["latent_avg"] = network.take("mapping.w_avg")
    tensors["input.input"] = network.take("synthesis.b4.const")[None]
    sizes = {int(n) for m in network.modules for n in re.findall(r"^synthesis\.b(\d{1,4})$", m)}
    for i, size in enumerate(2**power for power in range(2, max(sizes).bit_length())):
        block = f"synthesis.b{size}"
        if size == 4:
            layers = {"conv1": ("conv1", 0)}
        else:
            first = 2 * i - 2
            layers = {
                "conv0": (f"convs.{first}", first + 1),
                "conv1": (f"convs.{first + 1}", first + 2),
            }
        for name, (own, number) in layers.items():
            tensors |= _styled(network, f"{block}.{name}", own, number)
        to_rgb = "to_rgb1" if size == 4 else f"to_rgbs.{i - 1}"
        tensors |= _modulated(network, f"{block}.torgb", to_rgb)
        tensors[f"{to_rgb}.bias"] = network.take(f"{block}.torgb.bias").reshape(1, -1, 1, 1)
        _check_filter(network, block)
    if network.tensors:
        raise network.refuse(f"tensor {next(iter(network.tensors))[:80]}")
    clamps = [network.attribute(name, CLAMP) for name in network.modules]
    clamps = [float(clamp) for clamp in clamps if isinstance(clamp, (int, float))]
    notes = {"source": "a pickle of NVIDIA's StyleGAN2"}
    if clamps:
        notes[CLAMP] = str(min(clamps))
    mean = {name: tensors.pop(name) for name in ("latent_avg",) if name in tensors}
    return {f"g_ema.{name}": tensor for name, tensor in tensors.items()} | mean, notes


def _check_kind(network: _Network) -> None:
    """Refuse, by its name, any network but StyleGAN2 with the skip architecture."""
    classes = {module.class_name[:80] for module in network.modules.values()}
    if not {"MappingNetwork", "SynthesisBlock", "SynthesisLayer", "ToRGBLayer"} <= classes:
        raise network.refuse(f"a network of {', '.join(sorted(classes))[:120]}")
    if network.attribute("", "c_dim", 0) or "mapping.embed" in network.modules:
        raise network.refuse(
            f"a class-conditional network (c_dim {network.attribute('', 'c_dim')})"
        )
    for name in network.modules:
        architecture = network.attribute(name, "architecture", "skip")
        if architecture != "skip":
            raise network.refuse(f"architecture {str(architecture)[:40]!r} of {name}")
        usual = "linear" if name.endswith(".affine") else "lrelu"
        activation = network.attribute(name, "activation", usual)
        if activation != usual:
            raise network.refuse(f"activation {str(activation)[:40]!r} of {name}")
    if network.attribute("", "img_channels", 3) != 3:
        raise network.refuse(f"images of {network.attribute('', 'img_channels')} channels")


def _styled(network: _Network, name: str, own: str, number: int) -> dict[str, Tensor]:
    """Tensors of one styled convolution; ``number``: of its noise map in the common layout."""
    tensors = _modulated(network, name, own)
    tensors[f"{own}.activate.bias"] = network.take(f"{name}.bias")
    if network.attribute(name, "use_noise", True):
        tensors[f"{own}.noise.weight"] = network.take(f"{name}.noise_strength").reshape(-1)
        tensors[f"noises.noise_{number}"] = network.take(f"{name}.noise_const")[None, None]
    else:
        tensors[f"{own}.noise.weight"] = torch.zeros(1)
    _check_filter(network, name)
    return tensors


def _modulated(network: _Network, name: str, own: str) -> dict[str, Tensor]:
    return {
        f"{own}.conv.weight": network.take(f"{name}.weight")[None],
        f"{own}.conv.modulation.weight": network.take(f"{name}.affine.weight"),
        f"{own}.conv.modulation.bias": network.take(f"{name}.affine.bias"),
    }


def _check_filter(network: _Network, name: str) -> None:
    """Only one low-pass filter is implemented; NVIDIA's sums to one and has a gain of four."""
    if f"{name}.resample_filter" not in network.tensors:
        return
    found, wanted = 4 * network.take(f"{name}.resample_filter").float(), blur_kernel()
    if found.shape != wanted.shape or not torch.allclose(found, wanted, atol=1e-3):
        raise network.refuse(f"tensor {name}.resample_filter, another filter than [1, 3, 3, 1]")
