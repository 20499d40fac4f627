"""Several edits of one layer in one file, and one of them taken out again, bit for bit.

both = composed([("hat", hat, 1.0), ("tail", tail, 0.5)])
without(both, tail)                     # hat, as it was saved

The change is the sum of the changes: directions and coefficients stand one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import torch

from palimpsest.errors import EditError
from palimpsest.memory.edits import Edit

ENTRY = "composed"
"""Metadata entry: JSON, a list of the parts in order, each with name, identity, rank, strength and
its own metadata."""


def composed(parts: Sequence[tuple[str, Edit, float]]) -> Edit:
    """One edit of ``parts`` (name, edit, strength), at strength 1.

    A part may have been made on top of those before it, at their strengths. Raises `EditError` for
    no parts, and for edits of several layers or weights.
    """
    if not parts:
        raise EditError("no edits to compose; give at least one")
    first = parts[0][1]
    for name, edit, _ in parts:
        if edit.layer != first.layer:
            raise EditError(
                f"{parts[0][0]} is of layer {first.layer}, {name} of layer {edit.layer}; one file "
                "holds one layer, so give both to apply or export"
            )
    if place := misfit([(edit, strength) for _, edit, strength in parts]):
        name, made = parts[place][0], parts[place][1].metadata.get("made_on")
        on = f"; {name} was made on top of {made}, which comes before it" if made else ""
        raise EditError(f"{parts[0][0]} and {name} were made for different weights{on}")
    entries = [entry for part in parts for entry in _entries(*part)]
    return Edit(
        torch.cat([edit.directions for _, edit, _ in parts]),
        torch.cat([_scaled(edit.coefficients, strength) for _, edit, strength in parts], dim=1),
        {
            "layer": str(first.layer),
            **_made_for(first),
            "session": "+".join(entry["name"] for entry in entries),
            ENTRY: json.dumps(entries, sort_keys=True),
        },
    )


def misfit(edits: Sequence[tuple[Edit, float]]) -> int:
    """Place of the first edit that is not of the generator of those before it; 0 if all fit.

    It may be of the generator that the first edit was made for, or have been made on top of the
    edits before it, at their strengths.
    """
    known = [edit.weights_sha256 for edit, _ in edits[:1]]
    for place, (edit, strength) in enumerate(edits):
        if edit.weights_sha256 not in known:
            return place
        known.append(edit.as_change(strength).after(known[-1]))
    return 0


def without(edit: Edit, part: Edit) -> Edit:
    """``edit`` without the last of its parts that is ``part``; a last part at strength 1 becomes
    the edit that it was.

    Raises `EditError` if ``edit`` is not composed, lacks the part, or is nothing else, and for a
    part that another one was made on top of.
    """
    entries = parts_of(edit)
    if not entries:
        raise EditError("this edit is not composed of others; nothing can be taken out of it")
    places = [i for i, entry in enumerate(entries) if entry["identity"] == part.identity]
    if not places:
        names = ", ".join(entry["name"] for entry in entries)
        raise EditError(f"this edit has no such part; it is composed of {names}")
    if len(entries) == 1:
        raise EditError("this is the only part; without it there is no edit")
    start = sum(entry["rank"] for entry in entries[: places[-1]])
    left_out = range(start, start + entries[places[-1]]["rank"])
    kept = [row for row in range(edit.rank) if row not in left_out]
    for entry in entries[places[-1] + 1 :]:
        if entry["metadata"].get("weights_sha256", "") != edit.weights_sha256:
            raise EditError(
                f"{entry['name']} was made on top of the parts before it; take that out first"
            )
    entries = [entry for i, entry in enumerate(entries) if i != places[-1]]
    directions, coefficients = edit.directions[kept], edit.coefficients[:, kept]
    if len(entries) == 1 and entries[0]["strength"] == 1:
        return Edit(directions, coefficients, entries[0]["metadata"])
    names = "+".join(entry["name"] for entry in entries)
    notes = {"session": names, ENTRY: json.dumps(entries, sort_keys=True)}
    return Edit(directions, coefficients, {**edit.metadata, **notes})


def parts_of(edit: Edit) -> list[dict[str, Any]]:
    """The parts that the metadata names, empty for an edit that is not composed.

    Raises `EditError` where they do not add up to the edit.
    """
    if ENTRY not in edit.metadata:
        return []
    try:
        entries = json.loads(edit.metadata[ENTRY])
        if sum(entry["rank"] for entry in entries) != edit.rank:
            raise ValueError("its parts have another rank than the whole")
        wanted = {"name", "identity", "rank", "strength", "metadata"}
        if any(wanted - entry.keys() for entry in entries):
            raise ValueError("a part lacks an entry")
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise EditError(
            f"damaged: the metadata entry {ENTRY!r} is wrong ({problem}); compose it again"
        ) from None
    return entries


def _made_for(edit: Edit) -> dict[str, str]:
    """What the metadata of an edit say about its generator."""
    told = {name: edit.metadata.get(name) for name in ("model_sha256", "made_on")}
    return {"weights_sha256": edit.weights_sha256} | {n: t for n, t in told.items() if t}


def _entries(name: str, edit: Edit, strength: float) -> list[dict[str, Any]]:
    inner = parts_of(edit)
    if inner:
        return [entry | {"strength": entry["strength"] * strength} for entry in inner]
    return [
        {
            "name": name,
            "identity": edit.identity,
            "rank": edit.rank,
            "strength": strength,
            "metadata": dict(edit.metadata),
        }
    ]


def _scaled(coefficients: torch.Tensor, strength: float) -> torch.Tensor:
    return coefficients if strength == 1 else strength * coefficients
