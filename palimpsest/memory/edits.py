"""An edit: a rewritten rule in its own file, which can be applied to a generator and removed again.

``W₁ = W₀ + strength · Λ D``. The unedited weight of an edited layer is kept and never recovered by
subtraction, so removing edits restores the original bit for bit, in any order::

    edit.save("hat.safetensors"); edit = Edit.load("hat.safetensors")
    g2 = edit.apply(g)                     # g is untouched
    g3 = Edit.compose([edit, other]).apply(g, strength=0.5)
    g4 = edit.remove(g3)                   # only `other` is left
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from palimpsest.errors import EditError
from palimpsest.files.arrays import load_arrays, save_arrays
from palimpsest.generators.base import Generator
from palimpsest.generators.identity import Change, without_last
from palimpsest.memory.merged_edits import merge, take_out, with_edits
from palimpsest.memory.problem import rank_change


@dataclass(frozen=True, eq=False)
class Edit:
    """A change of one layer within few directions.

    ``directions`` D (S, N) and ``coefficients`` Λ (M, S, kh, kw), float32; ``metadata``: text, at
    least ``layer`` and ``weights_sha256`` of the generator it was made for; also session, rank,
    solver, loss_before, loss_after, change, seconds, versions. An edit that was made on top of
    others also names them (``made_on``) and their model (``model_sha256``).
    """

    directions: Tensor
    coefficients: Tensor
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        d, c = self.directions, self.coefficients
        if d.ndim != 2 or c.ndim != 4 or c.shape[1] != len(d):
            raise EditError(
                f"edit with directions {tuple(d.shape)} and coefficients {tuple(c.shape)}; "
                "they must be (S, N) and (M, S, kh, kw)"
            )
        if not (torch.isfinite(d).all() and torch.isfinite(c).all()):
            raise EditError("edit with NaN or infinite numbers; solve it again")
        if not self.metadata.get("layer", "").isdigit():
            raise EditError("edit without the number of its layer in the metadata")

    @property
    def layer(self) -> int:
        """Number of the layer that the edit changes."""
        return int(self.metadata["layer"])

    @property
    def rank(self) -> int:
        """S, the number of directions."""
        return len(self.directions)

    @property
    def weights_sha256(self) -> str:
        """`Generator.weights_sha256` of the generator that the edit was made for."""
        return self.metadata.get("weights_sha256", "")

    @property
    def bytes(self) -> int:
        """Size of directions and coefficients in bytes."""
        return sum(t.numel() * t.element_size() for t in (self.directions, self.coefficients))

    @cached_property
    def identity(self) -> str:
        """Hash of layer and numbers: equal for an edit and its saved copy."""
        digest = hashlib.sha256(f"{self.layer}".encode())
        for tensor in (self.directions, self.coefficients):
            array = tensor.detach().cpu().float().contiguous().numpy()
            digest.update(f"{array.shape}".encode() + array.tobytes())
        return digest.hexdigest()

    def delta(self) -> Tensor:
        """Λ D, (M, N, kh, kw): the change of the weight at strength 1."""
        return rank_change(self.coefficients, self.directions)

    def apply(self, g: Generator, strength: float = 1.0, *, strict: bool = True) -> Generator:
        """A generator with this edit on top of those it has; ``g`` is not changed.

        Args:
            strength: factor on the change; 0 changes no bit, -1 reverses the rule.
            strict: refuse any generator but the one that the edit was made for, and those that
                have further changes on top of it (`Generator.lineage`).

        Raises:
            EditError: other weights, a missing layer, another shape, or a non-finite strength.
        """
        if not math.isfinite(strength):
            raise EditError(f"strength {strength} is not a finite number")
        self._check_fits(g, strict)
        stack = _stack_of(g)
        other = _rebuilt(g, stack, (*stack.applied, (self, float(strength))), self.layer)
        other.changes = (*g.changes, self.as_change(float(strength)))
        return other

    def as_change(self, strength: float) -> Change:
        """What this edit at ``strength`` adds to the identity of a generator."""
        return Change("edit", self.identity, strength, self.metadata.get("session", ""))

    def merge_into(self, network: nn.Module, strength: float = 1.0, *, strict: bool = True) -> None:
        """Change a network itself, for an edit of `wrap(network)`; see `merged_edits.merge`."""
        merge(self, network, strength, strict=strict)

    def remove(self, g: Generator | nn.Module) -> Generator | nn.Module:
        """A generator without this edit and with all others in their order; ``g`` is not changed.

        If the edit was applied more than once, the last application is removed. What was made on
        top of it stays, and is then on a generator that it was not made for. A plain network, into
        which the edit was merged, is itself given back. Raises `EditError` if the generator or
        network does not have the edit.
        """
        if not isinstance(g, Generator):
            take_out(self, g)
            return g
        stack = _stack_of(g)
        for place in reversed(range(len(stack.applied))):
            if stack.applied[place][0].identity == self.identity:
                kept = stack.applied[:place] + stack.applied[place + 1 :]
                other = _rebuilt(g, stack, kept, self.layer)
                other.changes = without_last(g.changes, self.as_change(stack.applied[place][1]))
                return other
        raise EditError(f"this edit of layer {self.layer} is not applied, so it cannot be removed")

    @staticmethod
    def compose(edits: Sequence[Edit | EditSequence]) -> EditSequence:
        """The edits in this order as one sequence; they may change several layers."""
        flat: list[Edit] = []
        for edit in edits:
            flat.extend(edit.edits if isinstance(edit, EditSequence) else [edit])
        return EditSequence(tuple(flat))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a ``.safetensors`` file atomically."""
        arrays = {"directions": self.directions, "coefficients": self.coefficients}
        save_arrays(path, arrays, dict(self.metadata))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Edit:
        """Read an edit. Raises `EditError` for a missing, damaged or other file."""
        arrays, metadata = load_arrays(path, EditError)
        for name in ("directions", "coefficients"):
            if name not in arrays:
                raise EditError(f"{path}: holds no {name}, so it is not an edit")
        try:
            return cls(arrays["directions"].float(), arrays["coefficients"].float(), metadata)
        except EditError as problem:
            raise EditError(f"{path}: {problem}") from None

    def _check_fits(self, g: Generator, strict: bool) -> None:
        if strict and self.weights_sha256 not in g.lineage:
            raise EditError(self._why_not(g))
        if self.layer not in g.layers:
            raise EditError(
                f"this edit is for layer {self.layer}; the generator has {g.layers[0]} to "
                f"{g.layers[-1]}"
            )
        channels, _, *kernel = self.coefficients.shape
        needed = (channels, self.directions.shape[1], *kernel)
        shape = tuple(g.layer(self.layer).weight.shape)
        if shape != needed:
            raise EditError(
                f"this edit changes a weight of shape {needed}; layer {self.layer} has {shape}"
            )

    def _why_not(self, g: Generator) -> str:
        if self.metadata.get("model_sha256") in g.lineage:
            return (
                f"this edit was made on top of {self.metadata.get('made_on', 'other edits')}, and "
                "this generator is without that; apply it first, in this order and at this "
                "strength, or use strict=False to apply this edit alone"
            )
        return (
            f"this edit was made for weights {self.weights_sha256[:12] or 'unknown'}, the "
            f"generator has {g.weights_sha256[:12]}; use strict=False to apply it anyway"
        )


@dataclass(frozen=True)
class EditSequence:
    """Edits in the order in which they are applied; each can be removed separately."""

    edits: tuple[Edit, ...]

    def apply(self, g: Generator, strength: float = 1.0, *, strict: bool = True) -> Generator:
        """A generator with all edits, each at ``strength``. Raises as `Edit.apply`."""
        for edit in self.edits:
            g = edit.apply(g, strength, strict=strict)
        return g

    def remove(self, g: Generator) -> Generator:
        """A generator without these edits. Raises `EditError` if one of them is not applied."""
        for edit in reversed(self.edits):
            g = edit.remove(g)
        return g


def applied_edits(g: Generator) -> tuple[tuple[Edit, float], ...]:
    """The edits of a generator with their strengths, in order of application."""
    return _stack_of(g).applied


@dataclass(frozen=True)
class _Stack:
    """The edits of a generator and the original weights.

    ``unedited`` and ``edited``: by layer, the weight before any edit and the weight in use.
    """

    applied: tuple[tuple[Edit, float], ...] = ()
    unedited: Mapping[int, Tensor] = field(default_factory=dict)
    edited: Mapping[int, Tensor] = field(default_factory=dict)

    def __deepcopy__(self, memo: dict) -> _Stack:
        return self  # immutable, so generators may share it


def _stack_of(g: Generator) -> _Stack:
    """The generator's stack. Raises `EditError` if other code changed an edited weight."""
    stack = getattr(g, "_edit_stack", None) or _Stack()
    for number, weight in stack.edited.items():
        if not torch.equal(g.layer(number).weight.cpu(), weight.cpu()):
            raise EditError(
                f"layer {number} was changed by something else after an edit; edits can no longer "
                "be applied to it or removed from it"
            )
    return stack


def _rebuilt(g: Generator, stack: _Stack, applied: tuple, number: int) -> Generator:
    """``g`` with layer ``number`` recomputed from its unedited weight and ``applied``.

    Its identity is still that of ``g``.
    """
    current = g.layer(number).weight.detach()
    unedited = stack.unedited.get(number, current)
    here = [(edit, strength) for edit, strength in applied if edit.layer == number]
    weight = with_edits(unedited.to(current.device), here)
    other = g._with_weight(number, weight)
    base = {n: w for n, w in stack.unedited.items() if n != number}
    in_use = {n: w for n, w in stack.edited.items() if n != number}
    if here:
        base[number] = unedited
        in_use[number] = other.layer(number).weight.detach()
    other._edit_stack = _Stack(applied, base, in_use)
    return other
