"""Any PyTorch network that maps a batch of inputs to images, as a generator.

    g = wrap(network, z_dim=128)              # z (B, 128)
    g = wrap(decoder, z_shape=(4, 16, 16))    # a latent in the shape of an image
    g.names                                   # {1: "main.0", 2: "main.3", ...}

The network's convolutions (`Conv2d` and `ConvTranspose2d`, any kernel, stride, padding and
dilation, one group) are the layers, numbered from 1 in the order in which they run. A layer's keys
are the convolution's input and its values the output with the bias. Both are read and put back by
hooks while the whole network runs, so no network has to be taken apart; a value that is put back
costs a pass from z on. In every layer the values are linear in the weight.

Keys and values are whole maps. The two maps of a layer cover the same image, whatever the stride:
cell i of n rows shows the image from i / n to (i + 1) / n of its height. In a strided
`ConvTranspose2d` one key cell shows the place of several value cells, and a value is the sum of
what the keys near that place add to it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from palimpsest.errors import ParameterError
from palimpsest.generators.base import Generator, KeyState, Layer, ValueState
from palimpsest.generators.samples import standard_normal
from palimpsest.generators.wrapped_convolutions import (
    Convolution,
    convolve,
    stored,
    weight_of,
)
from palimpsest.generators.wrapped_export import AsGiven
from palimpsest.generators.wrapped_trial import (
    Draw,
    Spot,
    Trial,
    check_repeatable,
    images_of,
    tried,
)

TRIED = 2
"""Samples of the pass on trial."""


def wrap(
    network: nn.Module,
    z_dim: int | None = None,
    *,
    z_shape: Sequence[int] | None = None,
    draw: Draw | None = None,
    leave_out: Collection[str] = (),
) -> WrappedGenerator:
    """A generator of a network; ``network`` is copied and stays as it is.

    The copy is float32 and in eval mode. Samples are standard normal numbers.

    Args:
        z_dim: length of the network's input (B, z_dim); a network that takes no such input is
            given (B, z_dim, 1, 1).
        z_shape: shape of one input, if it is no vector: (channels, height, width).
        draw: from network and input to images (B, 3, H, W), about [-1, 1], for networks that are
            not called with the input alone, or that give something else (`images_of`).
        leave_out: names of convolutions that are to be no layers.

    Raises:
        ParameterError: neither or both of z_dim and z_shape; a network that does not run, or gives
            no images; a convolution that runs twice; images that are random, or depend on the
            batch; no convolution that can be edited.
    """
    if (z_dim is None) == (z_shape is None):
        raise ParameterError("wrap needs z_dim, the length of z, or z_shape, its shape")
    shape = tuple(z_shape) if z_shape is not None else (z_dim,)
    if not shape or any(type(size) is not int or size < 1 for size in shape):
        raise ParameterError(f"an input of shape {shape}; its sizes must be positive whole numbers")
    own = copy.deepcopy(network).float().eval().requires_grad_(False)
    draw = draw or _call
    shapes = [shape] if z_shape is not None else [shape, (*shape, 1, 1)]
    with torch.no_grad():
        shape, z, found = _first_that_runs(own, shapes, draw, leave_out)
        check_repeatable(own, z, draw, found.images)
    return WrappedGenerator(own, shape, draw, found, AsGiven.of(network.state_dict()))


def _call(network: nn.Module, z: Tensor) -> Any:
    return network(z)


def _first_that_runs(
    network: nn.Module, shapes: list[tuple[int, ...]], draw: Draw, leave_out: Collection[str]
) -> tuple[tuple[int, ...], Tensor, Trial]:
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    z = standard_normal(TRIED, math.prod(shapes[0])).to(device)
    failures = []
    for shape in shapes:
        given = z.reshape(-1, *shape)
        try:
            return shape, given, tried(network, given, draw, leave_out)
        except ParameterError:
            raise
        except Exception as problem:  # a network can fail in any way at all
            failures.append((given.shape, problem))
    told, problem = failures[0]
    reason = " ".join(str(problem).split())[:160]
    raise ParameterError(
        f"the network does not run on an input of shape {tuple(told)} "
        f"({type(problem).__name__}: {reason}); give z_dim, z_shape or draw= that fit it"
    ) from problem


class WrappedLayer(Layer):
    """A convolution of any network as a linear associative memory."""

    is_linear = True
    crops = renders_crops = False
    generator: WrappedGenerator

    @property
    def spot(self) -> Spot:
        """Name and maps of the convolution."""
        return self.generator.spots[self.number]

    @property
    def name(self) -> str:
        """The convolution's name in ``named_modules()`` of the network."""
        return self.spot.name

    @property
    def module(self) -> Convolution:
        """The convolution itself."""
        return self.generator.network.get_submodule(self.name)

    @property
    def weight(self) -> Tensor:
        return weight_of(self.module)

    def _set_weight(self, weight: Tensor) -> None:
        turned = stored(weight, self.module).contiguous()
        self.module.weight = nn.Parameter(turned, requires_grad=False)

    @property
    def upsampling(self) -> int:
        (keys, _), (values, _) = self.key_shape, self.value_shape
        if values % keys:
            raise ValueError(f"{keys} rows of keys become {values} rows of values in {self.name}")
        return values // keys

    @property
    def key_size(self) -> int:
        return max(self.key_shape)

    @property
    def value_size(self) -> int:
        return max(self.value_shape)

    @property
    def key_shape(self) -> tuple[int, int]:
        return self.spot.key_shape

    @property
    def value_shape(self) -> tuple[int, int]:
        return self.spot.value_shape

    def linear(self, k: Tensor, weight: Tensor) -> Tensor:
        return convolve(self.module, k, weight, bias=False)

    def demodulation(self, style: Tensor | None, weight: Tensor) -> None:
        return None

    def activate(self, pre: Tensor, state: KeyState) -> Tensor:
        bias = self.module.bias
        return pre if bias is None else pre + bias.to(pre)[:, None, None]

    def respond(self, state: KeyState, weight: Tensor) -> Tensor:
        return convolve(self.module, state.k, weight, bias=True)

    def values(self, state: KeyState, weight: Tensor | None = None) -> ValueState:
        if state.layer != self.number:
            raise ValueError(f"keys of layer {state.layer} given to layer {self.number}")
        if (size := tuple(state.k.shape[2:])) != self.key_shape:
            raise ValueError(
                f"keys of {size[0]} x {size[1]} cells; layer {self.number} ({self.name}) needs the "
                f"whole map of {self.key_shape[0]} x {self.key_shape[1]}"
            )
        weight = self.weight if weight is None else weight
        window = (0, 0, *self.value_shape)
        return ValueState(self.respond(state, weight), self.number, window, latent=state.latent)

    def render(self, values: ValueState) -> Tensor:
        if values.layer != self.number:
            raise ValueError(f"values of layer {values.layer} given to layer {self.number}")
        return self.generator.finish(values)


class WrappedGenerator(Generator):
    """A network with its layers; made by `wrap`.

    ``network``: the copy that is run. ``z_shape``: shape of one input; z itself is (B, z_dim),
    the same numbers in a row. ``left_out``: why other convolutions are no layers, by name.
    ``as_given``: what of the network was not float32.
    """

    kind = "wrapped"

    def __init__(
        self,
        network: nn.Module,
        z_shape: tuple[int, ...],
        draw: Draw,
        trial: Trial,
        as_given: AsGiven,
    ) -> None:
        super().__init__()
        self.network = network
        self.z_shape, self.z_dim = z_shape, math.prod(z_shape)
        self.draw, self.as_given = draw, as_given
        self.spots = dict(enumerate(trial.spots, start=1))
        self.left_out = trial.left_out
        self.layers = tuple(self.spots)
        self._image_size = tuple(trial.images.shape[2:])
        self.resolution = max(self._image_size)
        for number, spot in self.spots.items():
            module = network.get_submodule(spot.name)
            module.register_forward_pre_hook(partial(_before, number), with_kwargs=True)
            module.register_forward_hook(partial(_after, number))

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images in pixels."""
        return self._image_size

    @property
    def names(self) -> Mapping[int, str]:
        """The names of the layers in ``named_modules()``, by number."""
        return {number: spot.name for number, spot in self.spots.items()}

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """That of the network, with its own names: an edit fits every instance of it."""
        return self.network.state_dict(*args, **kwargs)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Fill the network."""
        return self.network.load_state_dict(*args, **kwargs)

    def layer(self, number: int | str) -> WrappedLayer:
        """The layer of a number or a name. Raises `ValueError`, for a convolution that is no layer
        with the reason."""
        if isinstance(number, str):
            numbers = {name: one for one, name in self.names.items()}
            if number not in numbers:
                why = self.left_out.get(number)
                reason = f"convolution {number} is none: {why}" if why else f"none called {number}"
                raise ValueError(f"this network has no such layer; {reason}")
            number = numbers[number]
        if lacking := self.lacking([number]):
            raise ValueError(f"this generator has {lacking}")
        return WrappedLayer(self, number)

    def forward(self, z: Tensor) -> Tensor:
        return self._run(z, _Plan())

    def start(self, z: Tensor) -> KeyState:
        return self.keys_at(z, self.layers[0])

    def next_keys(self, values: ValueState, inplace: bool = False) -> KeyState:
        return self.keys_at(values, values.layer + 1)

    def keys_at(self, origin: Tensor | ValueState, number: int) -> KeyState:
        return next(self.keys_of_layers(origin, [number]))

    def key_states(self, origin: Tensor | ValueState, last: int) -> Iterator[KeyState]:
        first = origin.layer + 1 if isinstance(origin, ValueState) else self.layers[0]
        return self.keys_of_layers(origin, range(first, last + 1))

    def keys_of_layers(
        self, origin: Tensor | ValueState, numbers: Collection[int]
    ) -> Iterator[KeyState]:
        z = _z_of(origin)
        plan = _Plan(read=frozenset(numbers), last=max(numbers))
        if isinstance(origin, ValueState):
            plan.put = {origin.layer: origin.v}
        try:
            self._run(z, plan)
        except _Reached:
            pass
        for number in sorted(numbers):
            k = plan.found[number]
            yield KeyState(k, number, (0, 0, *k.shape[2:]), latent=z)

    def finish(self, values: ValueState) -> Tensor:
        return self._run(_z_of(values), _Plan(put={values.layer: values.v}))

    def _run(self, z: Tensor, plan: _Plan) -> Tensor:
        given = z.to(self.device).reshape(len(z), *self.z_shape)
        token = _PLAN.set(plan)
        try:
            return images_of(self.draw(self.network, given))
        finally:
            _PLAN.reset(token)


def _z_of(origin: Tensor | ValueState) -> Tensor:
    if not isinstance(origin, ValueState):
        return origin
    if origin.latent is None:
        raise ValueError("values without the z that they came from; take them from layer.values")
    return origin.latent


@dataclass
class _Plan:
    """What hooks do in one pass: inputs to read, the last of them, outputs to put in place."""

    read: frozenset[int] = frozenset()
    last: int | None = None
    put: dict[int, Tensor] = field(default_factory=dict)
    found: dict[int, Tensor] = field(default_factory=dict)


_PLAN: ContextVar[_Plan | None] = ContextVar("plan", default=None)
"""The plan of this thread's pass: the hooks stay, so that several threads can run a network."""


class _Reached(BaseException):
    """The last input has been read; the rest of the network need not run. (A network that catches
    every `Exception` does not stop it.)"""


def _before(number: int, module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
    plan = _PLAN.get()
    if plan is None or number not in plan.read:
        return
    k = args[0] if args else kwargs["input"]
    # later modules may write into it
    plan.found[number] = k if number == plan.last else k.clone()
    if number == plan.last:
        raise _Reached


def _after(number: int, module: nn.Module, args: tuple, output: Tensor) -> Tensor | None:
    plan = _PLAN.get()
    if plan is None or number not in plan.put:
        return None
    return plan.put[number].clone()  # later modules may write into it
