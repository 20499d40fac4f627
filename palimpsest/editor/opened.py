"""One generator that is open in the editor: samples, keys that are kept, labels.

    model = OpenModel.load("church", place)
    model.keys(6, 3)                    # `KeyState` of layer 6 of sample 3, a batch of one

Every sample is computed as a batch of one, so that a picture never depends on its neighbours.
"""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from palimpsest.editor.work import SEED
from palimpsest.editor.workplace import ModelPlace
from palimpsest.errors import ParameterError
from palimpsest.generators import Generator, KeyState, load_generator, sample_z
from palimpsest.generators.classes import with_class
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.generators.truncating import can_truncate, with_truncation
from palimpsest.generators.wrapped_loading import load_network

if TYPE_CHECKING:
    from palimpsest.instruments.segmenters.base import Segmenter
    from palimpsest.photographs.own_photograph import Studio

KEPT_KEYS = 512 * 2**20
"""Bytes of keys that are kept."""

SAMPLES = 10_000
"""Samples that can be shown."""

K = TypeVar("K")
V = TypeVar("V")


class Kept(OrderedDict[K, V]):
    """A dictionary of the entries used last, with at most ``limit`` of ``size`` in all.

    `hold` and `find` may be called by several threads.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit, self.used = limit, 0
        self._sizes: dict[Any, int] = {}
        self._lock = threading.Lock()

    def find(self, name: K) -> V | None:
        """The entry, which becomes the one used last; None if it is not there."""
        with self._lock:
            if name not in self:
                return None
            self.move_to_end(name)
            return self[name]

    def hold(self, name: K, value: V, size: int = 1) -> V:
        """Keep ``value``, and drop the entries used longest ago that no longer fit."""
        with self._lock:
            self.used += size - self._sizes.pop(name, 0)
            self[name], self._sizes[name] = value, size
            self.move_to_end(name)
            while self.used > self.limit and len(self) > 1:
                oldest, _ = self.popitem(last=False)
                self.used -= self._sizes.pop(oldest)
        return value


class OpenModel:
    """A generator as loaded, never changed, and the keys of samples that were used.

    `at` gives the same one at another truncation; they share samples, keys and segmenter.
    """

    def __init__(self, name: str, place: ModelPlace, g: Generator) -> None:
        self.name, self.place, self.g = name, place, g
        self._z = sample_z(g, 64, SEED)
        self._keys: Kept[tuple[float, int, int], KeyState] = Kept(KEPT_KEYS)
        self._segmenter: Segmenter | None = None
        self._studio: Studio | None = None
        self._grey: bool | None = None
        self._lock = threading.Lock()
        self._own = self
        self._others: Kept[float, OpenModel] = Kept(16)

    @classmethod
    def load(cls, name: str, place: ModelPlace) -> OpenModel:
        """Load the generator. Raises `CheckpointError`, and `ParameterError` for what else
        its place says."""
        if place.loaded is not None:
            return cls(name, place, place.loaded)
        if place.network is not None:
            g: Generator = load_network(place.network, place.weights, place.z_dim)
        else:
            assert place.weights is not None
            g = load_generator(
                place.weights, truncation=place.truncation, estimate_mean=place.estimate_mean
            )
        return cls(name, place, with_class(g, place.of_class))

    def truncation_from(self, truncation: float) -> float | None:
        """A truncation, None if it is the model's own.

        Raises `ParameterError` for a model that cannot be truncated.
        """
        if truncation == self._own.g.truncation:
            return None
        if not can_truncate(self.g):
            raise ParameterError(f"{self.name} cannot be truncated: it has no mean latent")
        return truncation

    def at(self, truncation: float | None) -> OpenModel:
        """This model at another truncation, at its own if None. Raises `ParameterError`."""
        own = self._own
        if truncation is None or truncation == own.g.truncation:
            return own
        found = own._others.find(truncation)
        if found is None:
            found = copy.copy(own)
            found.g = with_truncation(own.g, truncation)
            own._others.hold(truncation, found)
        return found

    @property
    def first_layer(self) -> int:
        """The layer that a new draft edits: in the middle of those whose keys are a map."""
        layers = self.g.layers
        # the first of a DCGAN sees one cell, where nothing can be told apart by painting
        layers = tuple(one for one in layers if self.g.layer(one).key_size > 1) or layers
        wanted = self.place.layer
        return wanted if wanted in self.g.layers else layers[len(layers) // 2 - 1]

    def z(self, sample: int) -> Tensor:
        """The sample, (1, z_dim)."""
        if not 0 <= sample < SAMPLES:
            raise ValueError(f"sample {sample} is not within 0 to {SAMPLES - 1}")
        own = self._own
        if sample >= len(own._z):
            own._z = sample_z(self.g, min(SAMPLES, max(2 * len(own._z), sample + 1)), SEED)
        return own._z[sample : sample + 1]

    def keys(self, layer: int, sample: int) -> KeyState:
        """Keys of one sample at a layer, whole maps, a batch of one."""
        name = (self.g.truncation, layer, sample)
        found = self._keys.find(name)
        if found is not None:
            return found
        with torch.no_grad():
            state = self.g.layer(layer).keys(self.z(sample))
        tensors = [t for t in vars(state).values() if isinstance(t, Tensor)]
        size = sum(t.numel() * t.element_size() for t in tensors)
        return self._keys.hold(name, state, size)

    @property
    def has_labels(self) -> bool:
        """Whether there is a segmenter."""
        return self.place.segmenter is not None and self.place.segmenter.is_file()

    @property
    def takes_photographs(self) -> bool:
        """Whether photographs can be put in: it is a usual StyleGAN2, and features compare
        pictures."""
        return isinstance(self.g, StyleGAN2) and not self.g.variant and self.has_labels

    @property
    def is_grey(self) -> bool:
        """Whether the generator's samples are grey."""
        from palimpsest.photographs.reproduction import is_grey

        own = self._own
        if own._grey is None:
            own._grey = is_grey(own.g)
        return own._grey

    @property
    def studio(self) -> Studio:
        """What puts photographs into the generator, loaded when it is asked for first.

        Raises `CheckpointError` for a file that cannot be used.
        """
        from palimpsest.photographs.own_photograph import Studio

        own = self._own
        with self._lock:
            if own._studio is None:
                files = self.place
                assert isinstance(own.g, StyleGAN2) and files.segmenter is not None
                studio = Studio.of(own.g, files.segmenter, None, files.framing)
                if files.encoder is not None:
                    studio = studio.with_encoder_if_fitting(files.encoder)
                own._studio = studio
            return own._studio

    @property
    def segmenter(self) -> Segmenter | None:
        """The model's segmenter, loaded when it is asked for first; None if it has none."""
        if not self.has_labels:
            return None
        own = self._own
        with self._lock:
            if own._segmenter is None:
                # importing the instruments takes a second, and most of the work needs none
                from palimpsest.instruments.loading import load_segmenter

                own._segmenter = load_segmenter(self.place.segmenter, self.place.critic)
            return own._segmenter
