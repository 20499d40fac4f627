"""Numbers of a result table as words in a sentence.

found = figure_of(row, "modified_percent")      # Estimate(45.2, 42.7, 47.6)
in_words(found, "modified_percent")             # "45.2 % (42.7 to 47.6)"
"""

from __future__ import annotations

from collections.abc import Mapping

from palimpsest.estimates.columns import column_names
from palimpsest.estimates.intervals import NOTHING, Estimate
from palimpsest.report.table_view import DASH, NAMES, number, show


def figure_of(row: Mapping[str, str], column: str) -> Estimate:
    """A column of a row with its interval; NaN if it has none, since it cannot be compared then."""
    found = [number(row.get(name) or "") for name in column_names(column)]
    return NOTHING if None in found else Estimate(*found)


def in_words(found: Estimate, column: str, interval: bool = True) -> str:
    """``45.2 % (42.7 to 47.6)``; a dash for an estimate that was not measured."""
    value, low, high = (show(column, str(figure)) for figure in found)
    unit = " %" if column.endswith("_percent") else ""
    return f"{value}{unit} ({low} to {high})" if interval and value != DASH else value + unit


def name_of(method: str) -> str:
    """A method's name for readers."""
    return NAMES.get(method, method.replace("_", " "))


def capital(words: str) -> str:
    """The words with a capital first letter."""
    return words[:1].upper() + words[1:]


def nth_lowest(place: int) -> str:
    """A place (from 0) in ascending order in words: lowest, second lowest, 4th lowest."""
    ordinals = ("", "second ", "third ")
    return f"{ordinals[place] if place < len(ordinals) else f'{place + 1}th '}lowest"
