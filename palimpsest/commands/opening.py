"""The generator that a command's options name: a file, or another network that a file fills."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from palimpsest.errors import ParameterError
from palimpsest.pipeline.shipped_models import weights_called

if TYPE_CHECKING:
    from palimpsest.generators import Generator


def generator_of(
    weights: Path, network: str | None, truncation: float = 1.0, estimate_mean: bool = False
) -> Generator:
    """The generator in ``weights``; or, if ``network`` is module:function, the network that it
    makes, filled from them.

    Raises as `load_generator` and `load_network`, and `ParameterError` for a truncation of a
    wrapped network.
    """
    # imported here, so that --help is quick
    from palimpsest.generators import load_generator
    from palimpsest.generators.wrapped_loading import load_network

    if network is None:
        return load_generator(weights_called(weights), truncation, estimate_mean=estimate_mean)
    if truncation != 1 or estimate_mean:
        raise ParameterError("--truncation: a network of --network has none; leave it out")
    return load_network(network, weights)
