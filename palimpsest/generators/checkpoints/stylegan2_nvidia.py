"""NVIDIA's pickles of stylegan2-ada-pytorch and stylegan3: ``network.pkl``.

Such a file holds the networks with their Python source. The source is not run: the pickle is read
as data (`restricted_unpickler`), and G_ema's tensors get the names of `stylegan2_pytorch`
(`nvidia_names`). NVIDIA's limit on activations (``conv_clamp``) is noted but not applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.generators.checkpoints import stylegan3_pickle
from palimpsest.generators.checkpoints.nvidia_names import NamedNetwork, in_common_names
from palimpsest.generators.checkpoints.pickle_machine import (
    Named,
    PickleDamaged,
    PickleRefused,
)
from palimpsest.generators.checkpoints.pickled_tensors import StoredTensor
from palimpsest.generators.checkpoints.restricted_unpickler import Persistent, Record
from palimpsest.generators.checkpoints.tensorflow_networks import is_tensorflow
from palimpsest.generators.checkpoints.tensorflow_pickles import read_tensorflow

CLAMP = "conv_clamp"
LINEAR = (".affine", ".embed", ".skip")


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


class _Network(NamedNetwork):
    """The modules and tensors of a pickled network under dotted names."""

    def __init__(self, path: Path, root: Persistent, size: int) -> None:
        super().__init__(path, {})
        self.modules: dict[str, Persistent] = {}
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
        known = self.modules.get(module)
        return otherwise if known is None else known.state.get(name, otherwise)

    def read(self, stored: StoredTensor) -> Tensor:
        return stored.read()


def _entries(module: Persistent, part: str) -> list[tuple[str, Any]]:
    found = module.state.get(part) or {}
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        raise PickleDamaged(f"{part} of a module is not a dictionary with text keys")
    return list(found.items())


def _converted(network: _Network) -> tuple[dict[str, Tensor], dict[str, str]]:
    _check_kind(network)
    tensors = in_common_names(network)
    mean = {name: tensors.pop(name) for name in ("latent_avg",) if name in tensors}
    tensors = {f"g_ema.{name}": tensor for name, tensor in tensors.items()} | mean
    clamps = [network.attribute(name, CLAMP) for name in network.modules]
    clamps = [float(clamp) for clamp in clamps if isinstance(clamp, (int, float))]
    notes = {"source": "a pickle of NVIDIA's StyleGAN2"}
    if clamps:
        notes[CLAMP] = str(min(clamps))
    return tensors, notes


def _check_kind(network: _Network) -> None:
    """Refuse, by its name, any network but StyleGAN2."""
    classes = {module.class_name[:80] for module in network.modules.values()}
    if not {"MappingNetwork", "SynthesisBlock", "SynthesisLayer", "ToRGBLayer"} <= classes:
        raise network.refusal(f"a network of {', '.join(sorted(classes))[:120]}")
    for name in network.modules:
        usual = "linear" if name.endswith(LINEAR) else "lrelu"
        activation = network.attribute(name, "activation", usual)
        if activation != usual:
            raise network.refusal(f"activation {str(activation)[:40]!r} of {name}")
