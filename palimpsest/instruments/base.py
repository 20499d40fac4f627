"""The part that segmenters and classifiers share: a name, facts about the weights, a device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import torch


class Instrument(ABC):
    """A trained network that measures images.

    ``name``: as result files state it. ``facts``: provenance and grades, as JSON values.
    ``world``: name of the world it was trained on, "" for a published network; only an instrument
    with a world can be graded on renders.
    """

    name: str
    facts: dict[str, Any]
    world: str = ""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Device of the network; images are moved there."""

    @abstractmethod
    def to(self, device: str | torch.device) -> Self:
        """Move the network to ``device``, in place; returns itself."""
