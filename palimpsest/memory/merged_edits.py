"""Edits in a PyTorch network itself: its module is changed in place, and given back bit for bit.

    edit.merge_into(network)            # an edit of `wrap(network)`
    edit.remove(network)

The unedited weights are kept beside the network for as long as it lives, in this process only: a
copy of the network, or a saved state dict, holds the edited weights alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from palimpsest.errors import EditError
from palimpsest.generators.base import Generator
from palimpsest.generators.identity import Change as Step
from palimpsest.generators.identity import content_sha256, lineage_of
from palimpsest.generators.wrapped_convolutions import Convolution, convolutions, weight_of


class Change(Protocol):
    """What is merged: an `Edit`."""

    metadata: Mapping[str, str]

    @property
    def identity(self) -> str: ...

    @property
    def weights_sha256(self) -> str: ...

    def delta(self) -> Tensor: ...

    def as_change(self, strength: float) -> Step: ...


@dataclass
class _Merged:
    """The edits in one network, the hash of its unedited weights, and by name of a convolution its
    unedited weight and the one in use, both as they are stored."""

    sha256: str
    applied: list[tuple[Change, float]] = field(default_factory=list)
    unedited: dict[str, Tensor] = field(default_factory=dict)
    edited: dict[str, Tensor] = field(default_factory=dict)


_MERGED: WeakKeyDictionary[nn.Module, _Merged] = WeakKeyDictionary()


def merge(edit: Change, network: nn.Module, strength: float = 1.0, *, strict: bool = True) -> None:
    """Change the convolution of ``edit`` in ``network`` itself, on top of edits merged before.

    Raises `EditError` for a network with other weights (unless not ``strict``), without the
    convolution or with another shape of its weight; for an edit that names no convolution, a
    strength that is not finite, and a weight that something else changed after an edit.
    """
    if isinstance(network, Generator):
        raise EditError("merge_into changes a plain network; a generator is edited with apply()")
    if not math.isfinite(strength):
        raise EditError(f"strength {strength} is not a finite number")
    name, module = _convolution(edit, network)
    merged = _MERGED.get(network) or _Merged(content_sha256(network.state_dict()))
    lineage = lineage_of(merged.sha256, [one.as_change(s) for one, s in merged.applied])
    if strict and edit.weights_sha256 not in lineage:
        raise EditError(
            f"this edit was made for weights {edit.weights_sha256[:12] or 'unknown'}, the network "
            f"has {lineage[-1][:12]}; use strict=False to merge it anyway"
        )
    found, needed = tuple(weight_of(module).shape), tuple(edit.delta().shape)
    if found != needed:
        raise EditError(f"this edit changes a weight of shape {needed}; {name} has {found}")
    _check_untouched(merged, name, module)
    merged.unedited.setdefault(name, module.weight.detach().clone())
    merged.applied.append((edit, float(strength)))
    _MERGED[network] = merged
    _rebuild(merged, name, module)


def take_out(edit: Change, network: nn.Module) -> None:
    """Take the last application of ``edit`` out of ``network``; all others stay in their order.

    Raises `EditError` if the network does not have it, or if something else changed the weight.
    """
    merged = _MERGED.get(network)
    places = [
        i
        for i, (one, _) in enumerate(merged.applied if merged else [])
        if one.identity == edit.identity
    ]
    if merged is None or not places:
        raise EditError("this edit is not merged into the network, so it cannot be removed")
    name, module = _convolution(edit, network)
    _check_untouched(merged, name, module)
    del merged.applied[places[-1]]
    _rebuild(merged, name, module)
    if not merged.applied:
        del _MERGED[network]


def _rebuild(merged: _Merged, name: str, module: Convolution) -> None:
    """Write the unedited weight with the edits of this convolution into its own memory."""
    here = [(edit, s) for edit, s in merged.applied if edit.metadata["layer_name"] == name]
    with torch.no_grad():
        module.weight.copy_(merged.unedited[name])
        weight_of(module).copy_(with_edits(weight_of(module), here))
    if here:
        merged.edited[name] = module.weight.detach().clone()
    else:
        del merged.unedited[name], merged.edited[name]


def with_edits(weight: Tensor, edits: Sequence[tuple[Change, float]]) -> Tensor:
    """W₀ + Σ strength · Λ D, (M, N, kh, kw), in the order of the edits; strength 0 changes no
    bit."""
    for edit, strength in edits:
        if strength != 0:
            weight = weight + strength * edit.delta().to(weight)
    return weight


def _convolution(edit: Change, network: nn.Module) -> tuple[str, Convolution]:
    name = edit.metadata.get("layer_name")
    if name is None:
        raise EditError("this edit names no convolution: it was not made in a wrapped network")
    module = convolutions(network).get(name)
    if module is None:
        raise EditError(f"this edit changes the convolution {name}; the network has none so called")
    return name, module


def _check_untouched(merged: _Merged, name: str, module: Convolution) -> None:
    known = merged.edited.get(name)
    if known is not None and not torch.equal(known.to(module.weight), module.weight):
        raise EditError(
            f"{name} was changed by something else after an edit; edits can no longer be merged "
            "into it or removed from it"
        )
