"""Settings and variables of the networks in a pickle of NVIDIA's TensorFlow code.

Such a file holds (G, D, Gs), objects of one class ``Network``; Gs, the average, draws the published
pictures and is what is read. An object has a version, its settings (``static_kwargs``), its
variables (a list of name and array), from version 3 on ``components`` (``mapping`` and
``synthesis``, networks themselves), and source text, which stays text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.generators.checkpoints.pickle_machine import (
    Named,
    PickleDamaged,
    PickleRefused,
    Record,
)
from palimpsest.generators.checkpoints.pickled_arrays import stored_array
from palimpsest.generators.checkpoints.theano_progressive import (
    GENERATORS,
    is_theano,
    theano_variables,
)

NETWORKS = ("dnnlib.tflib.network.Network", "tfutil.Network", "network.Network")
SOURCE = "a TensorFlow pickle of NVIDIA's"
PLAIN = (str, bool, int, float, type(None))


@dataclass
class TensorFlowNetwork:
    """Settings and variables of a pickled network; components' names stand before ``/``."""

    path: Path
    settings: dict[str, Any]
    variables: dict[str, np.ndarray] = field(default_factory=dict)

    def setting(self, name: str, otherwise: Any = None) -> Any:
        """The setting ``name``; ``otherwise``: the default of NVIDIA's code."""
        return self.settings.get(name, otherwise)

    def take(self, name: str, axes: int) -> Tensor:
        """The variable ``name`` with so many ``axes``, as float32; it can be taken once.

        Raises `CheckpointError` where it is missing or has another number of axes.
        """
        if name not in self.variables:
            raise CheckpointError(
                f"{self.path}: variable {name} is missing; this is another network than its other "
                "variables tell, or only a part of one"
            )
        array = self.variables.pop(name)
        if array.ndim != axes:
            raise CheckpointError(
                f"{self.path}: variable {name} has shape {array.shape}; {axes} axes are needed"
            )
        return torch.from_numpy(np.array(array, np.float32, order="C"))

    def require(self, wanted: Mapping[str, tuple]) -> None:
        """Raises `CheckpointError` for the first setting that is none of the ``wanted`` values.

        The first of a setting's values is the default of NVIDIA's code.
        """
        for name, values in wanted.items():
            found = self.settings.get(name, values[0])
            if found not in values:
                raise self.refuse(f"{name} {_told(found)}, where {values[0]!r} is needed")

    def require_grown(self, *names: str) -> None:
        """Raises `CheckpointError` where a variable of ``names`` says that layers were missing."""
        for name in names:
            level = float(self.take(name, 0)) if name in self.variables else 0.0
            if level != 0:
                raise self.refuse(f"lod {level:g}: its training ended before it was fully grown")

    def refuse(self, what: str) -> CheckpointError:
        """The error for ``what`` is in the network and not in those that are opened here."""
        return CheckpointError(f"{self.path}: {SOURCE}, not supported here: {what}")


def is_tensorflow(tree: Any) -> bool:
    """Whether the ``tree`` of a pickle is a network of NVIDIA's TensorFlow code, or several."""
    return any(_is_network(thing) for thing in (tree if isinstance(tree, tuple) else (tree,)))


def tensorflow_network(path: Path, tree: Any, size: int) -> TensorFlowNetwork:
    """The average generator in the ``tree`` of a pickle: the last of (G, D, Gs), or the only one.

    ``size``: bytes of the file, an upper limit for its variables. Raises `PickleRefused` for a call
    in the place of data, `PickleDamaged`, and `CheckpointError` for networks of another kind.
    """
    network = TensorFlowNetwork(path, {})
    if isinstance(tree, tuple) and len(tree) < 3:
        raise network.refuse(f"a tuple of {len(tree)} networks, where (G, D, Gs) is usual")
    waiting, seen = [("", tree[2] if isinstance(tree, tuple) else tree)], set()
    while waiting:
        prefix, record = waiting.pop()
        if isinstance(record, (Record, Named)) and record.name not in NETWORKS:
            raise PickleRefused(record.name)
        if not _is_network(record) or id(record) in seen:
            raise PickleDamaged(f"{prefix[:80] or 'Gs'} is not a network, or is in it twice")
        seen.add(id(record))
        settings, variables = _content(network, record.state, size)
        network.settings = settings | network.settings
        for name, array in variables:
            if prefix + name in network.variables:
                raise PickleDamaged(f"variable {prefix[:40]}{name[:80]} is in it twice")
            network.variables[prefix + name] = array
        parts = _mapping(record.state, "components")
        waiting += [(f"{name}/", part) for name, part in parts.items()]
    if sum(array.nbytes for array in network.variables.values()) > size:
        raise PickleDamaged("its variables are larger than the file")
    return network


def _content(
    network: TensorFlowNetwork, state: Mapping, size: int
) -> tuple[dict[str, Any], list[tuple[str, np.ndarray]]]:
    """Settings and own variables of one pickled network."""
    if not is_theano(state):
        settings = _mapping(state, "static_kwargs")
        return {name: _plain(value) for name, value in settings.items()}, _variables(state)
    settings = {n: _plain(v) for n, v in _mapping(state, "build_func_spec").items()}
    if settings.get("func") not in GENERATORS:
        raise network.refuse(f"the Theano network {_told(settings.get('func'))}")
    variables = theano_variables(state, bool(settings.get("use_wscale", True)), size)
    return settings, list(variables.items())


def _is_network(thing: Any) -> bool:
    if not (isinstance(thing, Record) and thing.name in NETWORKS):
        return False
    # modules of other codes have the same class path, but no variables
    state = thing.state
    return isinstance(state, Mapping) and ("variables" in state or is_theano(state))


def _mapping(state: Mapping, name: str) -> dict[str, Any]:
    found = state.get(name, {})
    if isinstance(found, (Record, Named)):
        raise PickleRefused(found.name)
    if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
        raise PickleDamaged(f"{name} of a network is not a dictionary with text keys")
    return dict(found)


def _plain(value: Any) -> Any:
    """A setting; a NumPy number as Python's."""
    array = stored_array(value) if isinstance(value, Record) else None
    return array.item() if array is not None and array.ndim == 0 else value


def _told(value: Any) -> str:
    """A setting for a message; one of many parts is not walked through."""
    if isinstance(value, (list, tuple)) and all(isinstance(part, PLAIN) for part in value):
        return repr(value[:8])[:60]
    if isinstance(value, (Record, Named)):
        return f"as {value.name}"
    return repr(value)[:60] if isinstance(value, PLAIN) else f"of type {type(value).__name__}"


def _variables(state: Mapping) -> list[tuple[str, np.ndarray]]:
    pairs = state.get("variables")
    if isinstance(pairs, (Record, Named)):
        raise PickleRefused(pairs.name)
    if not isinstance(pairs, list):
        raise PickleDamaged("a network without its variables")
    found = []
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
            raise PickleDamaged("a variable that is not a name and an array")
        array = stored_array(pair[1])
        if array is None and isinstance(pair[1], (Record, Named)):
            raise PickleRefused(pair[1].name)
        if array is None:
            raise PickleDamaged(f"variable {pair[0][:80]} is not an array")
        found.append((pair[0], array))
    return found
