"""The layers that sessions edit by default, from `data/layer_choice.csv`.

    adopted_layers("data/layer_choice.csv")     # {"church": 6, "kitchen": 5, ...}

The file is a copy of ``results/tables/layer_choice.csv``, made by `make adopt-layers`. So the
layers of all edits are known before a run, and change only by that command.
"""

from __future__ import annotations

import csv
from pathlib import Path

from palimpsest.errors import ParameterError


def adopted_layers(path: str | Path) -> dict[str, int]:
    """The layer that the probe named first, by generator; empty if the file does not exist.

    Generators for which the probe named no layer are left out.

    Raises `ParameterError` for a file without that table.
    """
    path = Path(path)
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [(row["generator"], row["layer"]) for row in csv.DictReader(file)]
        return {generator: int(layer) for generator, layer in rows if layer != ""}
    except (KeyError, TypeError, ValueError, csv.Error):
        raise ParameterError(
            f"{path}: not a table of chosen layers (columns generator, layer); "
            "run `make adopt-layers` again"
        ) from None
