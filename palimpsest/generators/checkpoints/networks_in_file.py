"""Which network of a file is read: where its tensors lie, by the names that tell a layout.

A file holds a network bare, or under a key, such as ``g_ema`` beside ``g`` in a training checkpoint
or ``state_dict.decoder`` in an encoder's. The keys before a layout's own names are its prefix.
Where several prefixes have a network, the averaged weights are preferred, as they draw the
better images (`PREFERRED`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from palimpsest.errors import CheckpointError
from palimpsest.generators.checkpoints.assembly import below
from palimpsest.generators.checkpoints.containers import Content
from palimpsest.generators.checkpoints.mean_latent import MEAN_NAMES

AVERAGED = (
    *("g_ema", "G_ema", "generator_ema", "params_ema", "ema", "netG_ema", "G_EMA", "GE", "Gs"),
    *("generator_smooth", "g_running", "g_smooth", "ema_model", "model_ema", "gen_ema"),
)
AS_TRAINED = (
    *("g", "G", "generator", "params", "netG", "gen", "decoder", "model", "network", "net"),
    *("module", "state_dict", "model_state_dict", "models", "weights", "0"),
)
PREFERRED = (*AVERAGED, *AS_TRAINED)
"""Known keys before a network's names, the preferred ones first."""

NOTE = "taken from"  # the chosen network's entry in a generator's provenance


def prefixes_of(names: Iterable[str], marks: Iterable[str]) -> set[str]:
    """What stands before a ``mark``, with its dot, in the ``names`` that end with one."""
    found = set()
    for name in names:
        for mark in marks:
            if name == mark or name.endswith(f".{mark}"):
                found.add(name[: len(name) - len(mark)])
    return found


def rank(prefix: str) -> tuple[int, int]:
    """The smaller, the sooner a network under ``prefix`` is chosen: (place, depth)."""
    keys = prefix.split(".")[:-1]
    if not keys:
        return len(PREFERRED), 0  # bare: after known keys, which are more than it
    averaged = [AVERAGED.index(key) for key in keys if key in AVERAGED]
    known = [PREFERRED.index(key) for key in keys if key in PREFERRED]
    if averaged:
        return min(averaged), len(keys)
    if len(known) == len(keys):
        return min(known), len(keys)
    return len(PREFERRED) + 1, len(keys)


def chosen_network(
    path: Path, content: Content, found: Mapping[str, set[str]]
) -> tuple[str, Content]:
    """(layout, content) of the preferred network in a file.

    ``found``: prefixes by layout. The content has the network's tensors under its own names,
    whatever mean latent stands outside of it, and a note of which was taken. Raises
    `CheckpointError` where there are several of which none is preferred.
    """
    candidates = sorted((rank(p), p, layout) for layout, many in found.items() for p in many)
    place, prefix, layout = candidates[0]
    prefixes = sorted({p for _, p, _ in candidates} - {prefix}, key=rank)
    same = [p for p in prefixes if rank(p)[0] == place[0]]
    if same and place[0] > len(PREFERRED):
        names = ", ".join(_named(p) for p in (prefix, *same[:3]))
        raise CheckpointError(
            f"{path}: holds {len(same) + 1} networks ({names}), and which one is meant is not "
            "clear; save the state dict of one of them"
        )
    tensors = below(content.tensors, prefix)
    if not any(mean in tensors for mean in MEAN_NAMES):
        tensors |= _mean_outside(content, prefix)
    notes = dict(content.metadata)
    if prefixes:
        notes[NOTE] = f"{_named(prefix)}, not {', '.join(_named(p) for p in prefixes[:4])}"
    elif prefix not in ("", "g_ema."):
        notes[NOTE] = _named(prefix)
    return layout, replace(content, tensors=tensors, metadata=notes, prefix=prefix)


def _named(prefix: str) -> str:
    key = prefix.removesuffix(".")[-60:]
    return f"entry {key}" if key.isdigit() else key or "the tensors without a key"


def _mean_outside(content: Content, prefix: str) -> dict:
    """A mean latent beside the network: under the key of one of the containers around it."""
    keys = prefix.split(".")[:-1]
    for depth in range(len(keys) - 1, -1, -1):
        around = "".join(f"{key}." for key in keys[:depth])
        for mean in MEAN_NAMES:
            if around + mean in content.tensors:
                return {"latent_avg": content.tensors[around + mean]}
    return {}
