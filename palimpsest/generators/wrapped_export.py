"""The state dict of a wrapped network, edits included, for the network's own ``load_state_dict``.

    g2 = edit.apply(g)
    state_dict_of(g2.network, g2.as_given)      # {"main.0.weight": ..., ...}, on the CPU

Tensors that no edit changed have the numbers and the type that the network, or its file, had
before it was wrapped: `wrap` computes in float32, and `AsGiven` keeps what that would round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class AsGiven:
    """The tensors of a network that were not float32, by name, as they were; never changed, so
    copies share it."""

    tensors: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> AsGiven:
        """Those of ``tensors``, a state dict, that `float` changes."""
        return cls(
            {
                name: tensor.detach().cpu().clone()
                for name, tensor in tensors.items()
                if tensor.is_floating_point() and tensor.dtype != torch.float32
            }
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> AsGiven:
        return self

    def restored(self, name: str, tensor: Tensor) -> Tensor:
        """``tensor``, float32, in the type that it had; with its old numbers if it has not
        changed."""
        old = self.tensors.get(name)
        if old is None:
            return tensor
        same = torch.equal(old.to(torch.float32), tensor)
        return old.clone() if same else tensor.to(old.dtype)


def state_dict_of(network: nn.Module, given: AsGiven) -> dict[str, Tensor]:
    """The tensors of a network's state dict, each in memory of its own, types as in ``given``."""
    return {
        name: given.restored(name, tensor.detach().cpu().clone().contiguous())
        for name, tensor in network.state_dict().items()
    }
