"""What a generator is known by: the hash of the weights as loaded, and what was changed since.

    g2 = edit.apply(g)
    g2.model_sha256                     # that of g: the weights as loaded
    g2.weights_sha256                   # its own: the model's hash, then the edit and its strength
    g2.lineage                          # (that of g, its own)
    made_on(g2)                         # {"model_sha256": ..., "made_on": "hat 5f0c41d9a7b2 at 1"}

A generator that nothing changed is known by the hash of its weights, and its lineage is that alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

KINDS = ("edit", "photograph", "weights")
"""What a change is: an edit, the change that adapts to a photograph, or other weights."""


@dataclass(frozen=True)
class Change:
    """One change of the weights: one of `KINDS`, the hash of its content, its factor and name."""

    kind: str
    sha256: str
    strength: float = 1.0
    name: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a change of kind {self.kind!r}; the kinds are {', '.join(KINDS)}")

    def after(self, identity: str) -> str:
        """Identity of the generator ``identity`` with this change; strength 0 changes nothing."""
        if self.strength == 0:
            return identity
        text = f"{identity} {self.kind} {self.sha256} {self.strength!r}"
        return hashlib.sha256(text.encode()).hexdigest()

    def __str__(self) -> str:
        """As in "hat 5f0c41d9a7b2 at 0.5"."""
        name = " ".join(self.name.split())[:60] or self.kind
        return f"{name} {self.sha256[:12]} at {self.strength:.12g}"


def content_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Hash of names, shapes and float32 bytes of ``tensors``, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = tensors[name].detach().cpu().to(torch.float32).contiguous().numpy()
        digest.update(f"{name}{array.shape}".encode())
        digest.update(memoryview(array).cast("B"))
    return digest.hexdigest()


class Known(Protocol):
    """What has an identity: a `Generator`."""

    @property
    def model_sha256(self) -> str: ...

    @property
    def weights_sha256(self) -> str: ...

    @property
    def changes(self) -> tuple[Change, ...]: ...


def lineage_of(model_sha256: str, changes: Iterable[Change]) -> tuple[str, ...]:
    """Identities from the model to the generator with all ``changes``, one for each step."""
    found = [model_sha256]
    for change in changes:
        if (identity := change.after(found[-1])) != found[-1]:
            found.append(identity)
    return tuple(found)


def without_last(changes: tuple[Change, ...], change: Change) -> tuple[Change, ...]:
    """``changes`` without the last one that has the kind, content and strength of ``change``."""
    wanted = (change.kind, change.sha256, change.strength)
    for place in reversed(range(len(changes))):
        if (changes[place].kind, changes[place].sha256, changes[place].strength) == wanted:
            return changes[:place] + changes[place + 1 :]
    return changes


def made_on(g: Known) -> dict[str, str]:
    """Metadata of what is made on a rewritten generator: its model, and the changes in words.

    Empty for a generator that is as it was loaded.
    """
    if g.weights_sha256 == g.model_sha256:
        return {}
    told = ", ".join(str(change) for change in g.changes if change.strength != 0)
    return {"model_sha256": g.model_sha256, "made_on": told}


def as_json(g: Known) -> dict[str, Any]:
    """What a file of rewritten weights keeps, as JSON values; `from_json` reads it."""
    return {"model_sha256": g.model_sha256, "changes": [asdict(change) for change in g.changes]}


def from_json(content: Mapping[str, Any]) -> tuple[str, tuple[Change, ...]]:
    """The model's hash and the changes. Raises `ValueError`, `KeyError` or `TypeError`."""
    changes = tuple(
        Change(str(one["kind"]), str(one["sha256"]), float(one["strength"]), str(one["name"]))
        for one in content["changes"]
    )
    return str(content["model_sha256"]), changes
