"""The interface of every generator: a stack of convolutions, readable at any layer.

A generator is read as ``z → keys → layer → values → rest`` (paper, section 3.2): a *layer* is one
convolution, its *keys* are the positions of the convolution's input and its *values* the feature
map it produces. ``render`` runs everything after it, so for every editable layer ``n``

    layer = g.layer(n)
    layer.render(layer.values(layer.keys(z)))        # equals g(z)

A network subclasses `Generator` with three steps, `start`, `next_keys` and `finish`, and a `Layer`.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from palimpsest.generators.identity import Change, content_sha256, lineage_of

Window = tuple[int, int, int, int]

State = TypeVar("State", "KeyState", "ValueState")


@dataclass(frozen=True)
class KeyState:
    """Keys of one layer for a batch, with everything that the rest of the generator needs.

    ``k`` (B, N, h, w): the convolution's input, in StyleGAN2 after style modulation.
    ``layer``: number of the layer. ``window``: (top, left, bottom, right), half-open, the cells of
    the full key map that ``k`` covers. ``style`` (B, N), ``latent`` (B, L, D) and ``skip``
    (B, C, h, w; the running image, or in a residual network the branch around the layer) exist in
    StyleGAN2 only.
    """

    k: Tensor
    layer: int
    window: Window
    style: Tensor | None = None
    latent: Tensor | None = None
    skip: Tensor | None = None

    def __len__(self) -> int:
        return self.k.shape[0]

    def __getitem__(self, index: int | slice | Sequence[int]) -> KeyState:
        """The samples at ``index``; a batch of one for a single number."""
        return _take(self, index)

    def crop(self, top: int, left: int, bottom: int, right: int) -> KeyState:
        """A window of these keys, in cells of ``k``, half-open.

        Style, latent and noise stay those of the full image at that place. Raises `ValueError` for
        an empty window or one outside the map.
        """
        h, w = self.k.shape[2:]
        if not (0 <= top < bottom <= h and 0 <= left < right <= w):
            raise ValueError(
                f"crop ({top}, {left}, {bottom}, {right}) is empty or outside the {h}x{w} key map"
            )
        t0, l0 = self.window[:2]
        return replace(
            self,
            k=self.k[:, :, top:bottom, left:right],
            window=(t0 + top, l0 + left, t0 + bottom, l0 + right),
            skip=None if self.skip is None else self.skip[:, :, top:bottom, left:right],
        )


@dataclass(frozen=True)
class ValueState:
    """Values of one layer for a batch: ``v`` (B, M, H', W'), and what later layers need.

    ``window`` counts cells of the value map; ``skip`` has the resolution of ``v``.
    """

    v: Tensor
    layer: int
    window: Window
    latent: Tensor | None = None
    skip: Tensor | None = None

    def __len__(self) -> int:
        return self.v.shape[0]

    def __getitem__(self, index: int | slice | Sequence[int]) -> ValueState:
        """The samples at ``index``; a batch of one for a single number."""
        return _take(self, index)

    def replace(self, v: Tensor) -> ValueState:
        """This state with other values ``v`` of the same shape. Raises `ValueError` otherwise."""
        if v.shape != self.v.shape:
            raise ValueError(f"values have shape {tuple(self.v.shape)}, not {tuple(v.shape)}")
        return replace(self, v=v)


def _take(state: State, index: int | slice | Sequence[int]) -> State:
    if isinstance(index, (int, np.integer)):
        index = [int(index)]
    picked = {
        f.name: value[index]
        for f in fields(state)
        if isinstance(value := getattr(state, f.name), Tensor)
    }
    return replace(state, **picked)


def joined(states: Sequence[State]) -> State:
    """The samples of several states of one layer and window, in this order."""
    tensors = {
        f.name: torch.cat([getattr(state, f.name) for state in states])
        for f in fields(states[0])
        if isinstance(getattr(states[0], f.name), Tensor)
    }
    return replace(states[0], **tensors)


class Layer(ABC):
    """One editable convolution of a generator, seen as a linear associative memory:

        value = gain · leaky_relu(demodulation · linear(k, weight) + shift, negative_slope)

    ``is_linear``: the value is the raw convolution (demodulation, slope and gain 1, shift 0).
    """

    is_linear: bool
    crops: bool = True  # whether a part of the keys has values, so that goals can be cropped
    renders_crops: bool = True  # whether values of a crop can be drawn, as a smaller image
    name: str = ""  # of the convolution in a wrapped network
    margin: int = 0  # cells of the maps beyond each edge of the picture, in StyleGAN3
    negative_slope: float = 1.0  # of the leaky rectifier
    gain: float = 1.0  # after the leaky rectifier

    def __init__(self, generator: Generator, number: int) -> None:
        self.generator = generator
        self.number = number

    @property
    @abstractmethod
    def weight(self) -> nn.Parameter:
        """The convolution's weight, (M, N, kh, kw), as stored (before any run-time scale)."""

    @abstractmethod
    def _set_weight(self, weight: Tensor) -> None:
        """Replace the stored weight (for `Generator.with_weight` only)."""

    @property
    @abstractmethod
    def upsampling(self) -> int:
        """Value cells per key cell along an axis: 2 in an upsampling layer, else 1."""

    @property
    @abstractmethod
    def key_size(self) -> int:
        """Side of the full key map in cells."""

    @property
    def value_size(self) -> int:
        """Side of the full value map in cells."""
        return self.key_size * self.upsampling

    @property
    def key_shape(self) -> tuple[int, int]:
        """Rows and columns of the full key map; they differ where images are not square."""
        return (self.key_size, self.key_size)

    @property
    def value_shape(self) -> tuple[int, int]:
        """Rows and columns of the full value map."""
        rows, columns = self.key_shape
        return (rows * self.upsampling, columns * self.upsampling)

    @abstractmethod
    def linear(self, k: Tensor, weight: Tensor) -> Tensor:
        """The part of the layer that is linear in its weight, (B, M, H', W').

        Run-time scale, (transposed) convolution and blur of the keys ``k`` (B, N, h, w) under
        ``weight`` (M, N, kh, kw); without demodulation, noise, bias and activation.
        """

    @abstractmethod
    def demodulation(self, style: Tensor | None, weight: Tensor) -> Tensor | None:
        """Factor of each output channel, (B, M), or None in a layer without demodulation."""

    @abstractmethod
    def activate(self, pre: Tensor, state: KeyState) -> Tensor:
        """Values from the demodulated pre-activation ``pre`` (B, M, H', W')."""

    def keys(self, z: Tensor) -> KeyState:
        """Keys of the samples ``z`` (B, z_dim): the generator up to this layer."""
        return self.generator.keys_at(z, self.number)

    def values(self, state: KeyState, weight: Tensor | None = None) -> ValueState:
        """This layer's values for ``state``, with its own weight or the given ``weight``.

        Differentiable in ``weight``. Raises `ValueError` for keys of another layer.
        """
        if state.layer != self.number:
            raise ValueError(f"keys of layer {state.layer} given to layer {self.number}")
        weight = self.weight if weight is None else weight
        up = self.upsampling
        return ValueState(
            v=self.respond(state, weight),
            layer=self.number,
            window=tuple(up * edge for edge in state.window),
            latent=state.latent,
            skip=self._skip_at_values(state),
        )

    def respond(self, state: KeyState, weight: Tensor) -> Tensor:
        """The layer's feature map (B, M, H', W') for ``state`` under ``weight``."""
        pre = self.linear(state.k, weight)
        factor = self.demodulation(state.style, weight)
        if factor is not None:
            pre = pre * factor[:, :, None, None]
        return self.activate(pre, state)

    def _skip_at_values(self, state: KeyState) -> Tensor | None:
        return state.skip

    def render(self, values: ValueState) -> Tensor:
        """Images (B, C, H, W) from this layer's values: the rest of the generator.

        Cropped values give smaller images. Raises `ValueError` for values of another layer.
        """
        if values.layer != self.number:
            raise ValueError(f"values of layer {values.layer} given to layer {self.number}")
        g = self.generator
        given = values
        while values.layer < g.last_layer:
            values = g.next_values(values, inplace=values is not given)
        return g.finish(values)


class Generator(nn.Module, ABC):
    """A trained image generator: z (B, z_dim) to images (B, C, H, W), about [-1, 1].

    C is 3, or ``image_channels``: 1 (grey) or 4 (with opacity). A class-conditional network has
    ``classes`` above 0, and reads a sample as z followed by its one-hot class (`classes`).
    ``of_class``: the class of all its standard samples; None: drawn for each.
    """

    kind: str
    resolution: int
    z_dim: int
    layers: tuple[int, ...]
    classes: int = 0
    of_class: int | None = None
    image_channels: int = 3
    truncation: float = 1.0
    noise: str = "single"
    provenance: Mapping[str, Any] = MappingProxyType({})  # the file's notes on its weights
    changes: tuple[Change, ...] = ()  # of the weights since they were loaded, in order

    @property
    def device(self) -> torch.device:
        """Device of the weights: everything is computed there, and results stay there."""
        return next(self.parameters()).device

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images in pixels."""
        return (self.resolution, self.resolution)

    @property
    def last_layer(self) -> int:
        """Number of the last convolution before the image."""
        return self.layers[-1]

    @abstractmethod
    def start(self, z: Tensor) -> KeyState:
        """Keys of the first layer for the samples ``z``."""

    @abstractmethod
    def next_keys(self, values: ValueState, inplace: bool = False) -> KeyState:
        """Keys of the next layer from the values of the layer before it.

        ``inplace``: allow ``values.v`` to be overwritten; it is ignored while gradients are
        recorded, because they need the old values.
        """

    def next_values(self, values: ValueState, inplace: bool = False) -> ValueState:
        """The next layer's values without materialising the intermediate keys.

        The result equals `next_keys` followed by `Layer.values`, up to rounding: a network may
        override this with a faster way. ``inplace``: as in `next_keys`.
        """
        state = self.next_keys(values, inplace)
        return self.layer(state.layer).values(state)

    def key_states(self, origin: Tensor | ValueState, last: int) -> Iterator[KeyState]:
        """Keys of one layer after the other, up to and including layer ``last``.

        ``origin``: samples z (B, z_dim), to begin with the first layer; or values of a layer, which
        are not overwritten, to begin with the layer after it. Values of ``last`` are not computed.
        """
        given = isinstance(origin, ValueState)
        state = self.next_keys(origin) if given else self.start(origin)
        yield state
        while state.layer < last:
            state = self.next_keys(self.layer(state.layer).values(state), inplace=True)
            yield state

    def keys_at(self, origin: Tensor | ValueState, number: int) -> KeyState:
        """Keys of layer ``number``, from samples z or from the values of a layer before it."""
        return deque(self.key_states(origin, number), maxlen=1).pop()

    def values_at(self, origin: Tensor | ValueState, number: int) -> ValueState:
        """Values of layer ``number``, from samples z or from the values of a layer up to it."""
        if isinstance(origin, ValueState) and origin.layer == number:
            return origin
        return self.layer(number).values(self.keys_at(origin, number))

    def keys_of_layers(self, origin: Any, numbers: Collection[int]) -> Iterator[KeyState]:
        """Keys of the layers ``numbers`` alone, ascending; ``origin`` as in `key_states`."""
        states = self.key_states(origin, max(numbers))
        yield from (state for state in states if state.layer in numbers)

    @abstractmethod
    def finish(self, values: ValueState) -> Tensor:
        """Images from the last layer's values."""

    @abstractmethod
    def layer(self, number: int) -> Layer:
        """The layer ``number``. Raises `ValueError` naming the editable ones for any other."""

    def lacking(self, numbers: Iterable[int]) -> str:
        """Error text for the first of ``numbers`` that is no editable layer; "" if all are."""
        for number in numbers:
            if number not in self.layers:
                return f"no layer {number}; it has {self.layers[0]} to {self.layers[-1]}"
        return ""

    def forward(self, z: Tensor) -> Tensor:
        first = self.layer(self.layers[0])
        return first.render(first.values(first.keys(z)))

    def with_weight(self, number: int, weight: Tensor) -> Generator:
        """A generator with ``weight`` (M, N, kh, kw) in layer ``number``.

        All other tensors are shared. The result has an identity of its own.
        """
        other = self._with_weight(number, weight)
        digest = content_sha256({str(number): other.layer(number).weight})
        other.changes = (*self.changes, Change("weights", digest, name=f"layer {number}"))
        return other

    def _with_weight(self, number: int, weight: Tensor) -> Generator:
        """As `with_weight`, but with the identity of this generator."""
        old = self.layer(number).weight
        if weight.shape != old.shape:
            raise ValueError(
                f"layer {number} has a weight of shape {tuple(old.shape)}, "
                f"not {tuple(weight.shape)}"
            )
        _ = self.model_sha256  # computed now, so that the copy keeps the hash of the loaded model
        shared = {id(t): t for t in (*self.parameters(), *self.buffers())}
        other = copy.deepcopy(self, shared)
        other.layer(number)._set_weight(weight.detach().to(old.dtype).clone())
        return other

    @property
    def weights_sha256(self) -> str:
        """The generator's identity, which statistics and edits say that they were made for.

        Hash of the weights as loaded, the same for every file layout. A rewritten generator has its
        own: the model's hash plus the edits applied, in order, with their strengths.
        """
        return self.lineage[-1]

    @property
    def lineage(self) -> tuple[str, ...]:
        """`weights_sha256` of the model as loaded, and after each change of its weights."""
        return lineage_of(self.model_sha256, self.changes)

    @property
    def model_sha256(self) -> str:
        """Hash of the weights as loaded; no edit changes it."""
        known = getattr(self, "_weights_sha256", None)
        if known is None:
            known = content_sha256(self.state_dict())
            self._weights_sha256 = known
        return known


def reusable(x: Tensor, inplace: bool = True) -> Tensor | None:
    """The ``out=`` argument of an operation on ``x`` that may be ``inplace``.

    ``x`` itself, which halves the time; None, for new memory, while gradients are recorded.
    """
    return x if inplace and not torch.is_grad_enabled() else None
