"""A device that is not there: tensors that say they lie on it, and refuse to meet others.

    with elsewhere() as place:
        g = load_generator(path).to(place)
        g(z)                    # z is brought there, or the test fails

A machine without a GPU can hold code against the rule that a GPU enforces: operands of one
operation lie on one device, and only what lies on the CPU becomes an array of numpy. Each tensor
there wraps one on the CPU, which does the work, so results are the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_iter, tree_map, tree_map_only

PLACE = torch.device("meta")
"""The one kind of device besides the CPU that PyTorch does without a library for."""

INDEXED = {"index", "index_put", "index_put_", "_unsafe_index", "_index_put_impl_"}
"""Operations whose indices may lie on the CPU, on a GPU too."""

ACROSS = {"_to_copy", "copy_", "copy"}


class There(torch.Tensor):
    """A tensor on `PLACE`. ``held``: the same on the CPU."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> There:
        return torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=PLACE,
            requires_grad=held.requires_grad,
        )

    def __init__(self, held: torch.Tensor) -> None:
        # that a tensor is conjugate, or negative, only when it is read: wrappers cannot say it
        self.held = held.resolve_conj().resolve_neg()

    def __repr__(self, *, tensor_contents: object = None) -> str:
        return f"There({self.held!r})"

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(inner: dict, _: object, size: object, stride: object) -> There:
        return There(inner["held"])

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        return _computed(func, args, kwargs or {})


class MixedDevices(RuntimeError):
    """What a GPU would refuse."""


class _Arrivals(TorchDispatchMode):
    """Sees what is brought to `PLACE`, or made there, with no operand that lies there yet."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        return _computed(func, args, kwargs or {})


class _Made(TorchFunctionMode):
    """What PyTorch does below `_Arrivals`: it makes tensors of numbers, and lists of tensors."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") == PLACE:
            del kwargs["device"]
            return func(*args, **kwargs).to(PLACE)
        if func is torch.Tensor.tolist:
            return args[0].cpu().tolist()
        at_index = func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__)
        if at_index and isinstance(args[0], There):
            args = (args[0], _index(args[1]), *args[2:])
        return func(*args, **kwargs)


def _index(index: Any) -> Any:
    """The index with tensors on `PLACE` for its lists, which is what a GPU makes of them."""
    if isinstance(index, tuple):
        return tuple(map(_index, index))
    return torch.tensor(index).to(PLACE) if isinstance(index, list) else index


@contextmanager
def elsewhere() -> Iterator[torch.device]:
    """The device that is not there, for as long as the block lasts."""
    with _Arrivals(), _Made(), patch("torch.inference_mode", _without_gradients):
        yield PLACE


def _without_gradients(mode: bool = True) -> AbstractContextManager:
    """In place of `torch.inference_mode`, which wrapped tensors know nothing of."""
    return torch.no_grad() if mode else nullcontext()


def _computed(func: Callable, args: tuple, kwargs: dict) -> Any:
    operands = [t for t in tree_iter((args, kwargs)) if isinstance(t, torch.Tensor)]
    there = [isinstance(t, There) for t in operands]
    name = func.overloadpacket.__name__
    asked = kwargs.get("device")
    arrives = any(there) if asked is None else torch.device(asked).type == PLACE.type
    if name not in ACROSS and any(there):
        met = operands[:1] if name in INDEXED else operands
        if any(t.ndim and not isinstance(t, There) for t in met):
            shapes = ", ".join(f"{tuple(t.shape)} on {t.device}" for t in operands)
            raise MixedDevices(f"{func}: {shapes}")
    if arrives and kwargs.get("generator") is not None:
        raise MixedDevices(f"{func}: random numbers of the CPU's stream, drawn on {PLACE}")
    held_args, held_kwargs = tree_map_only(There, lambda t: t.held, (args, kwargs))
    if arrives and asked is not None:
        held_kwargs = held_kwargs | {"device": torch.device("cpu")}
    if name == "copy_":
        arrives = there[0]
    out = func(*held_args, **held_kwargs)
    if not arrives:
        return out
    wrapped = tree_map(lambda t: There(t) if isinstance(t, torch.Tensor) else t, out)
    return return_and_correct_aliasing(func, args, kwargs, wrapped) if any(there) else wrapped
