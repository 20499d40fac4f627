"""Classes of a class-conditional generator: a sample is its z followed by its one-hot class.

z = sample_z(g, n=16, seed=1)                # (16, z_dim + classes): a class drawn for each sample
z = sample_z(g, n=16, seed=1, classes=3)     # all of class 3
z = sample_z(g, n=2, seed=1, classes=[1, 3])
other = with_class(g, 3)                     # the same generator, its samples all of class 3

So whatever takes samples takes their classes as well. Numbers between 0 and 1 mix classes.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.base import Generator

Classes = int | Sequence[int] | None
"""One class for all samples, one for each, or None: drawn by the seed of the samples."""

STREAM = 0xC1A55
"""Second part of the seed of drawn classes, which makes them independent of z."""


class ClassStream:
    """The classes of the standard samples of one seed, in order: sample i has the same for any n.

    ``classes``: see `Classes`; None is the generator's own class, or else drawn, all equally
    likely. Raises `ParameterError` for a class that the generator does not have.
    """

    def __init__(self, g: Generator, seed: int, classes: Classes = None) -> None:
        self.count = g.classes
        self.given = g.of_class if classes is None and g.classes else classes
        if isinstance(self.given, Sequence):
            for number in self.given:
                check_class(g, number)
        elif self.given is not None:
            check_class(g, self.given)
        self._stream = np.random.RandomState((seed, STREAM)) if g.classes else None
        self._first = 0

    def append_to(self, z: Tensor) -> Tensor:
        """The next samples ``z`` (B, z_dim) with their one-hot classes, (B, z_dim + classes).

        Raises `ParameterError` if there are fewer given classes than samples.
        """
        if self._stream is None:
            return z
        first, n = self._first, len(z)
        self._first += n
        # drawn in any case, so that a class does not depend on those before it
        numbers = (self._stream.random_sample(n) * self.count).astype(np.int64)
        if isinstance(self.given, Sequence):
            numbers = np.asarray(self.given[first : first + n], np.int64)
            if len(numbers) < n:
                raise ParameterError(
                    f"classes: {len(self.given)} are given, fewer than the samples; give one for "
                    "each, or one number for all"
                )
        elif self.given is not None:
            numbers[:] = self.given
        return torch.cat([z, F.one_hot(torch.from_numpy(numbers), self.count).to(z)], dim=1)


def check_class(g: Generator, number: int) -> None:
    """Raise `ParameterError` for a class that ``g`` does not have."""
    if not g.classes:
        raise ParameterError(f"class {number}: this generator is not class-conditional")
    if not 0 <= number < g.classes:
        raise ParameterError(f"class {number}: this generator has classes 0 to {g.classes - 1}")


def check_rows(g: Generator, z: Tensor) -> None:
    """Raise `ParameterError` for samples of a class-conditional ``g`` without their classes."""
    if z.shape[1] != g.z_dim + g.classes:
        raise ParameterError(
            f"samples of {z.shape[1]} numbers; this class-conditional generator needs "
            f"{g.z_dim + g.classes}: {g.z_dim} of z and a one-hot class of {g.classes}; sample_z "
            "gives them"
        )


def with_class(g: Generator, number: int | None) -> Generator:
    """A generator whose standard samples are all of class ``number``; all tensors are shared.

    ``g`` itself for None. Raises `ParameterError` for a class that it does not have.
    """
    if number is None:
        return g
    check_class(g, number)
    _ = g.weights_sha256  # computed now, so that the copy keeps the hash of the loaded model
    other = copy.deepcopy(g, {id(t): t for t in (*g.parameters(), *g.buffers())})
    other.of_class = number
    return other


def told_class(g: Generator) -> str:
    """The class of a generator's standard samples, for the metadata of a result; "" without."""
    if not g.classes:
        return ""
    return "drawn by the seed" if g.of_class is None else str(g.of_class)
