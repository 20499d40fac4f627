"""The generator that a command's options name: a file, or another network that a file fills.

opening = Opening(weights, network, z_dim)
g = opening.generator(truncation=0.7)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from palimpsest.errors import ParameterError
from palimpsest.pipeline.shipped_models import weights_called

if TYPE_CHECKING:
    from palimpsest.generators import Generator
    from palimpsest.generators.wrapped import WrappedGenerator


@dataclass(frozen=True)
class Opening:
    """What the options of a command say of its generator.

    ``weights``: file, or name of a shipped model; None only with ``network``, which is then as its
    function makes it. ``network``, ``z_dim``: as in `load_network`; the weights fill it.
    ``estimate_mean``: as in `load_generator`. Raises `ParameterError` for options that do not go
    together.
    """

    weights: Path | None
    network: str | None = None
    z_dim: int | None = None
    estimate_mean: bool = False

    def __post_init__(self) -> None:
        if self.network is None and self.weights is None:
            raise ParameterError(
                "--weights: give the file of a generator; or --network, the function that makes one"
            )
        if self.network is None and self.z_dim is not None:
            raise ParameterError("--z-dim: it is of another network; give --network")
        if self.network is not None and self.estimate_mean:
            raise ParameterError("--estimate-mean: a network of --network has no mean latent")

    @property
    def file(self) -> Path | None:
        """The file of the weights; None if there is none."""
        if self.network is not None or self.weights is None:
            return self.weights
        return weights_called(self.weights)

    def generator(self, truncation: float = 1.0) -> Generator:
        """The generator, opened.

        Raises as `load_generator` and `load_network`, and `ParameterError` for a truncation of
        another network.
        """
        # imported here, so that --help is quick
        from palimpsest.generators import load_generator

        if self.network is None:
            assert self.file is not None
            return load_generator(self.file, truncation, estimate_mean=self.estimate_mean)
        if truncation != 1:
            raise ParameterError("--truncation: a network of --network has none; leave it out")
        return self._filled

    @cached_property
    def _filled(self) -> WrappedGenerator:
        from palimpsest.generators.wrapped_loading import load_network

        assert self.network is not None
        return load_network(self.network, self.weights, self.z_dim)
