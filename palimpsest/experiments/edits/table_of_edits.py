"""The table of edits: size, losses, change elsewhere and time of each edit file.

edits_table(["data/edits/church/dome2spire.safetensors"]).to_csv("edits.csv")
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from palimpsest.memory import Edit


def edits_table(paths: Iterable[str | Path]) -> pd.DataFrame:
    """One row for each edit file, from its metadata; ``bytes``: size of the file.

    ``change_elsewhere``: √(E‖(W₁ − W₀) k‖² / E‖W₀ k‖²), the change of the layer's output over all
    other keys (Eq. 5). ``critic_drop``: of the method `palimpsest` with a critic, mean fall of
    naturalness where the tuning images changed; empty otherwise.

    Raises `EditError` for a file that is not an edit.
    """
    rows = []
    for path in map(Path, paths):
        edit = Edit.load(path)
        facts = edit.metadata
        rows.append(
            {
                "model": facts.get("model", ""),
                "session": facts.get("session") or path.stem,
                "layer": edit.layer,
                "rank": edit.rank,
                "method": facts.get("method", ""),
                "solver": facts.get("solver", ""),
                "loss_before": float(facts.get("loss_before", "nan")),
                "loss_after": float(facts.get("loss_after", "nan")),
                "change_elsewhere": float(facts.get("relative_change", "nan")),
                "critic_drop": float(facts.get("critic_drop", "nan")),
                "seconds": float(facts.get("seconds", "nan")),
                "bytes": path.stat().st_size,
            }
        )
    return pd.DataFrame(rows)
