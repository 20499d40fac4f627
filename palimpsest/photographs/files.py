"""A photograph in a generator as a file: latent, change of the weights, and where both come from.

photograph.save("me.safetensors"); photograph = InvertedPhotograph.load("me.safetensors")
photograph.image(g)                    # (1, 3, R, R), the photograph as reproduced
photograph.image(edit.apply(g))        # the same under a new rule
g2 = photograph.on(g)                  # a generator to be used further
photograph.off(g2)                     # the weights of g, bit for bit
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from palimpsest.errors import EditError, ParameterError
from palimpsest.files.arrays import load_arrays, save_arrays
from palimpsest.generators.base import Generator
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.photographs.inversion import image_of
from palimpsest.photographs.weight_change import WeightChange, change_on

METADATA_KEY = "palimpsest-photograph"
FORMAT_VERSION = 1
CHANGE = "change."
STAGES = ("z", "w", "weights")
"""What reproduces a photograph, one after the other."""


class Error(NamedTuple):
    """Perceptual distance to the photograph, and root mean squared difference of pixels; black to
    white is 1."""

    perceptual: float
    pixel: float


def pixels_sha256(pixels: np.ndarray) -> str:
    """Hash of a photograph's shape and pixels, uint8 (R, R, 3)."""
    array = np.ascontiguousarray(pixels, dtype=np.uint8)
    return hashlib.sha256(f"{array.shape}".encode() + array.tobytes()).hexdigest()


@dataclass(frozen=True, eq=False)
class InvertedPhotograph:
    """One photograph: ``latent`` (rows, style_dim) float32, and the ``change`` of the weights.

    ``weights_sha256``: `Generator.weights_sha256` of the generator. ``provenance``, JSON values:
    the hash of the photograph's pixels, the settings, the errors at the three stages.
    """

    latent: Tensor
    change: WeightChange
    weights_sha256: str
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.latent.ndim != 2 or not torch.isfinite(self.latent).all():
            raise EditError(
                f"a photograph's latent is (rows, style_dim), all finite; this one is "
                f"{tuple(self.latent.shape)}"
            )
        for name, tensor in self.change.tensors.items():
            if not torch.isfinite(tensor).all():
                raise EditError(f"the photograph's change of {name} is not finite; adapt again")

    @property
    def above(self) -> int:
        """The layer above which weights are changed; edits up to it fit."""
        return self.change.above

    @property
    def errors(self) -> dict[str, Error]:
        """The error at each of `STAGES`; empty if the provenance has none."""
        found = self.provenance.get("errors", {})
        return {stage: Error(*found[stage]) for stage in STAGES if stage in found}

    def with_errors(self, errors: Mapping[str, Error]) -> InvertedPhotograph:
        """The same photograph with ``errors`` in its provenance."""
        written = {stage: list(error) for stage, error in errors.items()}
        return replace(self, provenance={**self.provenance, "errors": written})

    def on(self, g: Generator) -> StyleGAN2:
        """A generator adapted to the photograph; ``g`` and its edits are not changed.

        Raises `EditError` for a generator with other weights (an edited one has those that it was
        edited from), with an edit in a layer that is
        adapted, or adapted to a photograph already.
        """
        if not isinstance(g, StyleGAN2):
            raise EditError(f"a photograph needs its StyleGAN2; this generator is a {g.kind}")
        if self.weights_sha256 not in g.lineage:
            raise EditError(
                f"this photograph was inverted in weights {self.weights_sha256[:12]}, the "
                f"generator has {g.weights_sha256[:12]}; invert it again in this generator"
            )
        return self.change.apply(g)

    def off(self, g: Generator) -> StyleGAN2:
        """``g`` without the photograph's change, bit for bit. Raises `EditError` if it has none."""
        return self.change.remove(g)

    @torch.no_grad()
    def image(self, g: Generator) -> Tensor:
        """The photograph (1, 3, R, R) as ``g``, with its edits, makes it. Raises as `on`."""
        adapted = g if change_on(g) == self.change.identity else self.on(g)
        return image_of(adapted, self.latent[None].to(g.device))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a ``.safetensors`` file atomically."""
        description = {
            "format": FORMAT_VERSION,
            "above": self.above,
            "weights_sha256": self.weights_sha256,
            "provenance": dict(self.provenance),
        }
        arrays = {CHANGE + name: tensor for name, tensor in self.change.tensors.items()}
        save_arrays(
            path,
            {"latent": self.latent, **arrays},
            {METADATA_KEY: json.dumps(description, sort_keys=True)},
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> InvertedPhotograph:
        """Read a photograph. Raises `EditError` for a missing, damaged or other file."""
        arrays, metadata = load_arrays(path, EditError)
        if METADATA_KEY not in metadata or "latent" not in arrays:
            raise EditError(f"{path}: not an inverted photograph; `palimpsest photo` writes one")
        try:
            description = json.loads(metadata[METADATA_KEY])
            if description["format"] != FORMAT_VERSION:
                raise ValueError(f"format {description['format']!r}, not {FORMAT_VERSION}")
            tensors = {
                name.removeprefix(CHANGE): tensor
                for name, tensor in arrays.items()
                if name.startswith(CHANGE)
            }
            return cls(
                arrays["latent"],
                WeightChange(int(description["above"]), tensors),
                str(description["weights_sha256"]),
                dict(description["provenance"]),
            )
        except (ValueError, KeyError, TypeError, ParameterError, EditError) as problem:
            raise EditError(
                f"{path}: damaged ({type(problem).__name__}: {problem}); invert it again"
            ) from None
