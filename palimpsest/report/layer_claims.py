"""Sentences about the layers that the probe chose, checked by the same edit at every layer.

    for measured, holds in layer_advice(read_rows("layer_choice.csv")):
        ...

The choice is right if the layer of the best edit (`layers.tables.best_edit`) is among those chosen,
and wrong if the interval of the layer to try first lies below that of the best. It is undecided
if the two intervals overlap, if the edit had no effect at any layer, or if no edit was made or no
layer chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from palimpsest.experiments.layers.tables import EFFECT, KEPT_LEAST
from palimpsest.lists_in_words import listed
from palimpsest.report.sentences import capital, figure_of, in_words, name_of
from palimpsest.report.table_view import show

VERDICTS = {"yes": True, "no": False}


def layer_advice(rows: Sequence[Mapping[str, str]]) -> list[tuple[str, bool | None]]:
    """For each generator of `layer_choice.csv` a sentence with the numbers, and whether the choice
    was right; None if undecided."""
    return [(_measured(row), VERDICTS.get(row["predicted"])) for row in rows]


def _measured(row: Mapping[str, str]) -> str:
    numbers = row["layers"].split()
    generator = capital(name_of(row["generator"]))
    if not numbers:
        return f"{generator}: the probe names no layer ({row['why']})."
    layers = f"layer{'s' if len(numbers) > 1 else ''} {listed(numbers)}"
    words = f"{generator}: the probe names {layers}, {row['layer']} first"
    if not row["session"]:
        return f"{words}. No edit was made at its layers to check that."
    edit = name_of(row["session"])
    if not row["best_layer"]:
        spared = f"kept {KEPT_LEAST:g} % of the labels elsewhere"
        return f"{words}. No edit ({edit}) that {spared} had an effect at any layer."
    best, own = figure_of(row, f"best_{EFFECT}"), figure_of(row, EFFECT)
    words += (
        f". Of edits at every layer ({edit}) that kept {KEPT_LEAST:g} % of the labels elsewhere, "
        f"that at layer {show('layer', row['best_layer'])} changed the largest share of the "
        f"intended pixels, {in_words(best, EFFECT)}"
    )
    if own != best:
        words += f"; that at layer {row['layer']} {in_words(own, EFFECT)}"
    return f"{words} ({show('n', row['n_showing'])} images that show it)."
