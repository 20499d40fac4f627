"""The layers that the probe named, as the project uses them: `data/layer_choice.csv`.

    adopted_layers("data/layer_choice.csv")     # {"church": 6, "kitchen": 5, ...}

The file is a copy of ``results/tables/layer_choice.csv`` that `make adopt-layers` takes: so the
layers of all edits are known before anything runs, and change only when somebody decides so.
"""

from __future__ import annotations

import csv
from pathlib import Path

from palimpsest.errors import ParameterError


def adopted_layers(path: str | Path) -> dict[str, int]:
    """By generator, the layer that its probe named first; empty where there is no such file.

    A generator whose probe named no layer is left out.

    Raises `ParameterError` for a file that is no such table.
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
            f"{path}: no table of layers chosen (columns generator, layer); "
            "run `make adopt-layers` again"
        ) from None
