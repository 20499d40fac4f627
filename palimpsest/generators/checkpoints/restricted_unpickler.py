"""Read a plain Python pickle without Python's unpickler: nothing is imported, nothing is called.

    tree = read_pickle(path)  # dicts, lists, text, numbers, `Persistent`, `StoredTensor`, `Record`

The few classes and functions that a pickled network needs become plain records
(`pickle_machine`); a network's embedded source stays text. Whatever else the file names is an inert
`Record` of the name: it is for the reader of a network to refuse one that stands within it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from palimpsest.generators.checkpoints.pickle_machine import (
    Answers,
    PickleDamaged,
    PickleRefused,
    Record,
)
from palimpsest.generators.checkpoints.pytorch_files import PLAIN_ANSWERS, read_plain

__all__ = ["Persistent", "PickleDamaged", "PickleRefused", "Record", "read_pickle"]


@dataclass(frozen=True, eq=False)
class Persistent:
    """An object that was pickled together with its source: its class name and attributes."""

    class_name: str
    state: Mapping[str, Any]


def read_pickle(path: Path) -> Any:
    """The tree that the pickle in the file ``path`` describes.

    Raises `PickleRefused` for an instruction that data does not need, `PickleDamaged` if the file
    is cut short or inconsistent.
    """
    return read_plain(path, ANSWERS)


def _persistent(arguments: tuple) -> Persistent | None:
    meta = arguments[0] if arguments else None
    if not (isinstance(meta, dict) and isinstance(meta.get("state"), dict)):
        return None
    if meta.get("type") != "class" or not isinstance(meta.get("class_name"), str):
        return None
    return Persistent(meta["class_name"], meta["state"])


ANSWERS: Answers = {
    **PLAIN_ANSWERS,
    "torch_utils.persistence._reconstruct_persistent_obj": _persistent,
    "dnnlib.util.EasyDict": PLAIN_ANSWERS["collections.OrderedDict"],
}
