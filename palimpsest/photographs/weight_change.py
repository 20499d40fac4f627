"""A small change of some of a generator's parameters, applied to a copy and removed again.

    adapted = change.apply(g)              # g is untouched; edits of lower layers stay
    change.remove(adapted)                 # the weights of g, bit for bit

The change of each parameter is kept as plain float16: at 64 pixels it is some 100,000 numbers, and
a low-rank form would lose the detail of the photograph that the change is there for.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from palimpsest.errors import EditError
from palimpsest.generators.identity import Change, without_last
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.memory.edits import applied_edits


def names_above(g: StyleGAN2, above: int) -> tuple[str, ...]:
    """Names of the parameters that adaptation changes: convolutions of the layers above ``above``
    and the weights and biases of their to-RGB."""
    names = []
    for number in g.layers:
        if number > above:
            names.append(f"convs.{number - 3}.conv.weight")
            if number % 2 == 0:
                to_rgb = f"to_rgbs.{number // 2 - 2}"
                names += [f"{to_rgb}.conv.weight", f"{to_rgb}.bias"]
    return tuple(names)


def with_parameters(g: StyleGAN2, parameters: Mapping[str, Tensor], grad: bool) -> StyleGAN2:
    """A generator with other values of some parameters; it shares all other tensors with ``g``.

    Its identity is still that of ``g``.
    """
    _ = g.model_sha256  # computed now, so that the copy keeps the hash of the loaded model
    shared = {id(t): t for t in (*g.parameters(), *g.buffers())}
    other = copy.deepcopy(g, shared)
    for name, value in parameters.items():
        owner, _, leaf = name.rpartition(".")
        setattr(other.get_submodule(owner), leaf, nn.Parameter(value, requires_grad=grad))
    return other


@dataclass(frozen=True, eq=False)
class WeightChange:
    """Changes of the parameters above the layer ``above``: float16 tensors by parameter name."""

    above: int
    tensors: Mapping[str, Tensor]

    @cached_property
    def identity(self) -> str:
        """Hash of layer, names and numbers: equal for a change and its saved copy."""
        digest = hashlib.sha256(f"{self.above}".encode())
        for name in sorted(self.tensors):
            array = self.tensors[name].detach().cpu().contiguous().numpy()
            digest.update(f"{name}{array.shape}".encode() + array.tobytes())
        return digest.hexdigest()

    @property
    def bytes(self) -> int:
        """Size of the numbers in bytes."""
        return sum(t.numel() * t.element_size() for t in self.tensors.values())

    def apply(self, g: StyleGAN2) -> StyleGAN2:
        """A generator with this change; ``g`` and its edits are not changed.

        Raises `EditError` for a generator that has a change already, that has an edit in a changed
        layer, or whose parameters have other names or shapes.
        """
        if getattr(g, "_photograph", None) is not None:
            raise EditError("this generator is adapted to a photograph already; remove that first")
        for edit, _ in applied_edits(g):
            if edit.layer > self.above:
                raise EditError(
                    f"this generator has an edit in layer {edit.layer}; the photograph's change "
                    f"begins above layer {self.above}, so only edits up to it fit"
                )
        held = dict(g.named_parameters())
        for name, change in self.tensors.items():
            if name not in held or held[name].shape != change.shape:
                raise EditError(f"the photograph's change of {name} does not fit this generator")
        originals = {name: held[name].detach() for name in self.tensors}
        changed = {
            name: original + self.tensors[name].to(original) for name, original in originals.items()
        }
        other = with_parameters(g, changed, grad=False)
        other._photograph = _Applied(self.identity, originals)
        other.changes = (*g.changes, self._change)
        return other

    def remove(self, g: StyleGAN2) -> StyleGAN2:
        """A generator without this change, bit for bit; edits stay.

        Raises `EditError` if the generator does not have this change.
        """
        applied = getattr(g, "_photograph", None)
        if applied is None or applied.identity != self.identity:
            raise EditError("this generator is not adapted to this photograph")
        other = with_parameters(g, applied.originals, grad=False)
        other._photograph = None
        other.changes = without_last(g.changes, self._change)
        return other

    @property
    def _change(self) -> Change:
        """What this adds to the identity of a generator."""
        return Change("photograph", self.identity)


@dataclass(frozen=True)
class _Applied:
    """The change that a generator has, and the parameters it had before."""

    identity: str
    originals: Mapping[str, Tensor]

    def __deepcopy__(self, memo: dict) -> _Applied:
        return self  # immutable, so generators may share it


def change_on(g: StyleGAN2) -> str | None:
    """Identity of the `WeightChange` that ``g`` has, or None."""
    applied = getattr(g, "_photograph", None)
    return None if applied is None else applied.identity


def relative_change(change: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> Tensor:
    """Squared change over squared weights of the convolutions, summed over parameters."""
    return torch.stack(
        [
            part.square().sum() / weights[name].square().sum()
            for name, part in change.items()
            if name.endswith("weight")
        ]
    ).sum()
