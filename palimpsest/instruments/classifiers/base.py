"""The interface of every attribute classifier: whether an image shows a thing, such as a smile."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

import torch
from torch import Tensor, nn

from palimpsest.errors import CheckpointError
from palimpsest.estimates.error_rates import Errors
from palimpsest.instruments.base import Instrument


class Classifier(Instrument):
    """A trained network that decides whether an image shows ``attribute``.

    ``network`` is put into eval mode and its weights carry no gradients.
    """

    attribute: str

    def __init__(self, network: nn.Module) -> None:
        self._network = network.eval().requires_grad_(False)

    @abstractmethod
    def probability(self, images: Tensor) -> Tensor:
        """(B,) float32, on the CPU: the probability that each of ``images`` (B, 3, H, W) in
        [-1, 1] shows the attribute."""

    def shows(self, images: Tensor) -> Tensor:
        """(B,) bool, on the CPU: whether each of ``images`` shows the attribute."""
        return self.probability(images) >= 0.5

    def errors(self, blurred: bool = True) -> Errors:
        """Error rates on held-out images, blurred or sharp, from the grades in ``facts``.

        Raises `CheckpointError` for a classifier without such a grade, as published ones are.
        """
        found = self._graded(blurred)
        if found is None:
            kind = "blurred" if blurred else "sharp"
            raise CheckpointError(f"{self.name}: has no grade on {kind} renders; train it again")
        return found

    def known_errors(self) -> Errors | None:
        """Error rates by which counts in generated images are corrected: on held-out images that
        were blurred, else on sharp ones; None for a classifier without grades."""
        return self._graded(True) or self._graded(False)

    def _graded(self, blurred: bool) -> Errors | None:
        for grade in self.facts.get("grades", []):
            if (grade.get("blur", 0) > 0) == blurred:
                return Errors.from_facts(grade)
        return None

    @property
    def network(self) -> nn.Module:
        """The network itself, for an instrument that holds this one; it is shared, not copied."""
        return self._network

    @property
    def device(self) -> torch.device:
        return next(self._network.parameters()).device

    def to(self, device: str | torch.device) -> Self:
        self._network.to(device)
        return self
