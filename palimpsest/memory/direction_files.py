"""Directions of the key space in a file of their own, which names what they are of.

made = Directions.of(rows, g, layer=8, session="multikey_watermark")
made.save("mark.safetensors"); Directions.load("mark.safetensors").rows      # (S, N)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from palimpsest.errors import EditError
from palimpsest.files.arrays import load_arrays, save_arrays
from palimpsest.generators.base import Generator
from palimpsest.memory.statistics import as_text, versions

ARRAYS = frozenset({"directions"})
"""The arrays of such a file: an edit's has coefficients too."""


@dataclass(frozen=True, eq=False)
class Directions:
    """``rows`` (S, N) float32, orthonormal; ``metadata``: text, at least ``layer`` and
    ``weights_sha256`` of the generator they are of.
    """

    rows: Tensor
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rows.ndim != 2 or not torch.isfinite(self.rows).all():
            raise EditError(
                f"directions of shape {tuple(self.rows.shape)}; they must be (S, N) and finite"
            )
        if not self.metadata.get("layer", "").isdigit():
            raise EditError("directions without the number of their layer in the metadata")

    @classmethod
    def of(cls, rows: Tensor, g: Generator, layer: int, session: str = "") -> Directions:
        """Directions (S, N) of a layer of a generator, with notes on what they are of."""
        about = {
            "layer": as_text(layer),
            "weights_sha256": g.weights_sha256,
            "truncation": as_text(g.truncation),
            "session": session,
            **versions(),
        }
        return cls(rows.detach().float().cpu(), about)

    @property
    def layer(self) -> int:
        """Number of the layer whose keys they are directions of."""
        return int(self.metadata["layer"])

    @property
    def weights_sha256(self) -> str:
        """`Generator.weights_sha256` of the generator that they are of."""
        return self.metadata.get("weights_sha256", "")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, atomically."""
        save_arrays(path, {"directions": self.rows}, self.metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Directions:
        """Read the file. Raises `EditError` for one that is missing, damaged or another kind."""
        arrays, metadata = load_arrays(path, EditError)
        if set(arrays) != ARRAYS:
            raise EditError(f"{path}: not a file of directions; make it with palimpsest direction")
        try:
            return cls(arrays["directions"], metadata)
        except EditError as problem:
            raise EditError(f"{path}: {problem}") from None
