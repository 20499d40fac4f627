"""Fréchet distance to photographs that are not here: their features' means and covariances.

    reference = FrechetReference.of(held_out=features, others=features_of_others, network=name)
    reference.save("photo_faces-reference.safetensors")
    reference.distance(parts.pooled(samples))       # with its interval
    reference.floor                                 # the same of other photographs, as many

The distance is biased upwards by the number of images (`frechet`), so the floor is taken at the
number of images that a generator should be measured with, `count`.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

import numpy as np
from numpy.typing import ArrayLike

from palimpsest.errors import CheckpointError
from palimpsest.estimates.intervals import Estimate
from palimpsest.files.arrays import load_arrays, save_arrays
from palimpsest.instruments.distances.frechet import frechet_estimate, frechet_estimate_to

METADATA_KEY = "palimpsest-frechet-reference"


@dataclass(frozen=True)
class FrechetReference:
    """``mean`` (C,) and ``covariance`` (C, C) of ``count`` held-out photographs' features.

    ``floor``: distance of as many other photographs to them. ``network``: name of the network whose
    features they are.
    """

    mean: np.ndarray
    covariance: np.ndarray
    count: int
    floor: Estimate
    network: str

    @classmethod
    def of(cls, held_out: ArrayLike, others: ArrayLike, network: str) -> FrechetReference:
        """The reference of features of ``held_out`` (n, C), with the floor of ``others`` (n, C).

        Raises `ValueError` for another number of others, since the two would not compare.
        """
        held_out = np.asarray(held_out, dtype=np.float64)
        if len(others) != len(held_out):
            raise ValueError(f"{len(others)} others for {len(held_out)} held-out photographs")
        covariance = np.atleast_2d(np.cov(held_out, rowvar=False))
        floor = frechet_estimate(others, held_out)
        return cls(held_out.mean(0), covariance, len(held_out), floor, network)

    def distance(self, features: ArrayLike) -> Estimate:
        """Fréchet distance of features (n, C) to the held-out photographs, with its interval."""
        return frechet_estimate_to(features, self.mean, self.covariance)

    def save(self, path: str | PathLike[str]) -> None:
        """Write a ``.safetensors`` file, atomically."""
        arrays = {
            "mean": self.mean,
            "covariance": self.covariance,
            "count": np.array(self.count),
            "floor": np.array(self.floor),
        }
        save_arrays(path, arrays, {METADATA_KEY: self.network})

    @classmethod
    def load(cls, path: str | PathLike[str]) -> FrechetReference:
        """The reference in a file that `save` wrote.

        Raises `CheckpointError` for a file that is missing, damaged, or of another kind.
        """
        arrays, metadata = load_arrays(path, CheckpointError)
        wanted = {"mean", "covariance", "count", "floor"}
        if METADATA_KEY not in metadata or set(arrays) != wanted:
            raise CheckpointError(
                f"{path}: not a Fréchet reference; give one that train_photograph_instruments wrote"
            )
        mean, covariance = arrays["mean"].numpy(), arrays["covariance"].numpy()
        if covariance.shape != (*mean.shape, *mean.shape) or arrays["floor"].shape != (3,):
            raise CheckpointError(f"{path}: its mean and covariance do not match; make it again")
        floor = Estimate(*arrays["floor"].tolist())
        return cls(mean, covariance, int(arrays["count"]), floor, metadata[METADATA_KEY])
