"""A figure's panel: the arrays that the figure shows and the facts of its caption.

Computing and drawing are separate: a panel takes minutes and a generator, a figure takes a second
and a panel. The file is an ``.npz``, readable without this project; the facts are JSON in the entry
``facts``::

    save_panel("fig09.npz", {"before": before, "after": after}, {"n": 1000})
    panel = load_panel("fig09.npz")
    panel.arrays["before"], panel.facts["n"]
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from palimpsest.errors import PalimpsestError
from palimpsest.files.zipped_arrays import load_zipped, save_zipped

SHOWS_PHOTOGRAPHS = "shows_photographs"
"""A fact: the figure shows photographs, which are not part of the project."""


@dataclass(frozen=True)
class Panel:
    """Arrays by name, pictures as uint8 (..., H, W, 3), and facts (any JSON values)."""

    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any] = field(default_factory=dict)


def save_panel(path: str | Path, arrays: Mapping[str, np.ndarray], facts: Mapping) -> None:
    """Write a panel atomically."""
    save_zipped(path, {"facts": np.array(json.dumps(facts, sort_keys=True)), **arrays})


def load_panel(path: str | Path) -> Panel:
    """The panel in a file. Raises `PalimpsestError` if the file is missing or damaged."""
    path = Path(path)
    if not path.is_file():
        raise PalimpsestError(f"{path}: no such file; compute the panel first")
    arrays = load_zipped(path)
    try:
        facts = json.loads(str(arrays.pop("facts", "{}")))
    except ValueError as problem:
        raise PalimpsestError(f"{path}: its facts are no JSON ({problem}); make it again") from None
    return Panel(arrays, facts)
