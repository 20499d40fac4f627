"""PyTorch's compiler, left out while a segmenter's packages are imported and its network is built.

    with compiler_deferred():
        import segmentation_models_pytorch as smp
        network = smp.Unet(...)

torchvision and timm each ask the compiler for one function: whether an operation could be compiled,
and that another is not to be. And segmentation-models-pytorch builds an encoder on the device
"meta", without numbers, whose random initialisation reaches it too. Each imports the whole compiler
(`torch._dynamo`), which takes longer than all else that a segmenter needs; none compiles anything.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch.compiler
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

MODULE = "torch._dynamo.utils"
ASKED = "is_compile_supported"


@contextmanager
def compiler_deferred() -> Iterator[None]:
    """Within it, the compiler is imported only if more of it is used than the two functions.

    They do the same as before when they are called. Without effect once the compiler is there.
    """
    if MODULE in sys.modules:
        yield
        return
    sys.modules[MODULE] = stand_in = _StandIn(MODULE)
    disable = torch.compiler.disable
    torch.compiler.disable = _disabled_when_called(disable)
    try:
        with _NoNumbersOnMeta():
            yield
    finally:
        torch.compiler.disable = disable
        stand_in.leave()


class _NoNumbersOnMeta(TorchFunctionMode):
    """Leaves out the random initialisation of tensors that hold no numbers."""

    FILLING = {Tensor.normal_, Tensor.uniform_, nn.init.normal_, nn.init.uniform_}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        named = kwargs or {}
        if func in self.FILLING:
            filled = args[0] if args else named["tensor"]
            if filled.is_meta:
                return filled
        return func(*args, **named)


class _StandIn(ModuleType):
    """Has the function that torchvision imports; for anything else it makes way."""

    def leave(self) -> None:
        if sys.modules.get(MODULE) is self:
            del sys.modules[MODULE]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == ASKED:
            return _ask
        self.leave()  # another thread imports the compiler
        return getattr(importlib.import_module(MODULE), name)


def _ask(*given: Any) -> Any:
    return getattr(importlib.import_module(MODULE), ASKED)(*given)


def _disabled_when_called(disable: Callable[..., Any]) -> Callable[..., Any]:
    """`torch.compiler.disable` of a function, which is asked when that function is first called."""

    def deferred(fn: Callable[..., Any] | None = None, *given: Any, **named: Any) -> Any:
        if fn is None:
            return functools.partial(deferred, **named)

        @functools.cache
        def disabled() -> Callable[..., Any]:
            return disable(fn, *given, **named)

        @functools.wraps(fn)
        def called(*arguments: Any, **options: Any) -> Any:
            return disabled()(*arguments, **options)

        return called

    return deferred
