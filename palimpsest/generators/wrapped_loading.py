"""A wrapped network from a function that makes it, filled from a file of weights.

    g = load_network("my_models:make_gan", Path("gan.pt"))

The function takes no arguments. It gives `wrap(network, ...)`, or a plain network that says its
input by an attribute ``z_dim`` or ``z_shape``. The file is read as data, as any checkpoint is; the
module is the reader's own code and runs.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from palimpsest.errors import CheckpointError, ParameterError
from palimpsest.generators.checkpoints.containers import read_checkpoint
from palimpsest.generators.wrapped import WrappedGenerator, wrap
from palimpsest.generators.wrapped_export import AsGiven

COUNTERS = "num_batches_tracked"
"""A buffer of batch norms that old files lack, and that nothing reads in eval mode."""


def load_network(
    made_by: str, weights: Path | None = None, z_dim: int | None = None
) -> WrappedGenerator:
    """The network that ``module:function`` makes, with the weights of a file if one is given.

    ``z_dim``: length of its input, if the function does not say it. The function runs with
    PyTorch's random numbers seeded, so that a network without weights is the same each time.
    Modules are looked for in the folder that one is in, too. Raises `ParameterError` for a module
    or function that is not there, that fails, or that gives something else; `CheckpointError` for a
    file that cannot be read or has other tensors than the network.
    """
    made = _call(made_by, _function(made_by))
    if not isinstance(made, WrappedGenerator):
        made = _wrapped(made_by, made, z_dim)
    elif z_dim not in (None, made.z_dim):
        raise ParameterError(f"--z-dim: {z_dim}, but {made_by} wraps its network with {made.z_dim}")
    if weights is not None:
        fill(made, weights)
    return made


def fill(g: WrappedGenerator, path: Path) -> None:
    """Fill the network with the tensors of the file ``path``. Raises `CheckpointError`.

    The names are those of its state dict, all of them below one key or prefix where the file has
    one, such as ``g_ema`` or ``module``.
    """
    found = matched(g.network.state_dict(), read_checkpoint(path).tensors, str(path))
    g.network.load_state_dict(found, strict=False)
    g.as_given = AsGiven.of(found)
    g._weights_sha256 = None  # of what it was before


def matched(
    wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], source: str
) -> dict[str, Tensor]:
    """The tensors in a file that a network wants, by the network's names.

    Raises `CheckpointError` that names the first tensor that lacks, is left over, or has another
    shape.
    """
    needed = [name for name in wanted if not name.endswith(COUNTERS)]
    prefix = _prefix_of(needed, given, source)
    inside = {name[len(prefix) :]: one for name, one in given.items() if name.startswith(prefix)}
    for name in needed:
        if name not in inside:
            raise CheckpointError(f"{source}: holds no {prefix}{name}, which the network has")
        found, shape = tuple(inside[name].shape), tuple(wanted[name].shape)
        if found != shape:
            raise CheckpointError(
                f"{source}: {prefix}{name} has shape {found}, in the network it is {shape}"
            )
    if left := sorted(set(inside) - set(wanted)):
        raise CheckpointError(
            f"{source}: holds {prefix}{left[0]}, which the network has not; is it the same network?"
        )
    return {name: inside[name] for name in wanted if name in inside}


def _prefix_of(needed: list[str], given: Mapping[str, Tensor], source: str) -> str:
    """What stands before the network's names in a file: the prefix that most of them have."""
    counts: dict[str, int] = {}
    for name in given:
        for one in needed:
            if name == one or name.endswith(f".{one}"):
                prefix = name[: -len(one)]
                counts[prefix] = counts.get(prefix, 0) + 1
    if not counts:
        held = ", ".join(list(given)[:3]) or "no tensors"
        raise CheckpointError(f"{source}: holds none of the network's tensors, but {held} ...")
    # an average of the weights over training draws best
    return max(counts, key=lambda prefix: (counts[prefix], "ema" in prefix, -len(prefix)))


def _function(made_by: str) -> Any:
    module, colon, name = made_by.partition(":")
    if not (module and colon and name):
        raise ParameterError(f"--network: {made_by!r} is not module:function")
    here = str(Path.cwd())
    if here not in sys.path:  # as in ``python -m``
        sys.path.insert(0, here)
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as problem:
        raise ParameterError(f"--network: there is no module {problem.name}") from problem
    except Exception as problem:  # it is not this project's code
        raise ParameterError(f"--network: {module}: {_short(problem)}") from problem
    function = getattr(found, name, None)
    if not callable(function):
        raise ParameterError(f"--network: {module} has no function {name}")
    return function


def _call(made_by: str, function: Any) -> Any:
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return function()
    except ParameterError:
        raise
    except Exception as problem:  # it is not this project's code
        raise ParameterError(f"--network: {made_by}: {_short(problem)}") from problem


def _wrapped(made_by: str, made: Any, z_dim: int | None) -> WrappedGenerator:
    if not isinstance(made, nn.Module):
        raise ParameterError(
            f"--network: {made_by} gives {type(made).__name__}; it must give wrap(network, ...) or "
            "a network"
        )
    if z_dim is not None:
        return wrap(made, z_dim)
    for field in ("z_shape", "z_dim"):
        size = getattr(made, field, None)
        if isinstance(size, (int, tuple, list, torch.Size)):
            shape = (size,) if isinstance(size, int) else tuple(size)
            return wrap(made, shape[0]) if len(shape) == 1 else wrap(made, z_shape=shape)
    raise ParameterError(
        f"--network: the network of {made_by} has no z_dim and no z_shape; give --z-dim, "
        "or wrap(network, z_dim=...)"
    )


def _short(problem: Exception) -> str:
    return f"{type(problem).__name__}: {' '.join(str(problem).split())[:160]}"
