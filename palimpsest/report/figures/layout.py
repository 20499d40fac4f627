"""Sizes (in inches), labels and headings that all figures share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from palimpsest.report.figures.sheet import Sheet

CELL = 0.96
"""Side of a picture: 144 pixels at 150 dots per inch."""

GAP = 0.025
WIDE_GAP = 0.14
MARGIN = 0.1

QUICK = "quick"
"""The scale of `make quick`: few samples and few steps, which its figures and its page say."""

GENERATOR = "figS3_generator_"
"""Prefix of the figures that show a generator beside its world; its name follows."""

SESSION_LABELS = {
    "dome2spire": "domes → spires",
    "dome2tree": "domes → trees",
    "tower2tree": "tower tops → trees",
    "add_people": "+ people",
    "remove_window": "− windows",
    "remove_trees": "− trees",
    "remove_watermark": "− watermarks",
    "sky_doors": "+ doors in the sky",
    "smile": "+ smiles",
    "photo_smile": "+ smiles, photographs",
    "brows2moustache": "brows → moustaches",
    "remove_earrings": "− earrings",
    "remove_glasses": "− glasses",
    "add_moustache": "+ moustaches",
    "glasses_off": "− glasses, photographs",
    "moustache_on": "+ moustaches, photographs",
    "hat": "+ hats on horses",
    "long_tail": "long tails",
    "remove_rider": "− riders",
    "reflection": "− reflections",
    "add_windows": "+ windows",
    "remove_windows": "− windows",
    "remove_panes": "windows → tiles",
}


def session_label(name: str) -> str:
    """A session's name as a heading; with its model for SESSION@MODEL."""
    session, _, model = name.partition("@")
    label = SESSION_LABELS.get(session, session.replace("_", " "))
    return f"{label}, {model.replace('_', ' ')}" if model else label


def column_heading(sheet: Sheet, words: str, left: float, width: float) -> None:
    """Write a heading over columns of pictures at the top of the sheet, with a line below."""
    line = sheet.style.line
    sheet.text(words, left + width / 2, MARGIN + line * 0.7, align="center", weight="bold")
    sheet.rule(left, MARGIN + line * 1.55, left + width)


def mark_as_quick(sheet: Sheet) -> None:
    """Write into the lower margin of a figure that few samples and few steps made it."""
    sheet.text(
        "A first look (make quick): few samples, few steps",
        sheet.width - MARGIN / 2,
        sheet.height - MARGIN / 2,
        align="right",
        size=0.6,
        colour=sheet.style.accent,
    )


def provenance(facts: Mapping[str, Any]) -> str:
    """The end of a caption: scale, samples and model, as far as they are known."""
    words = []
    if "scale" in facts:
        words.append(f"scale {facts['scale']}")
    if facts.get("scale") == QUICK:
        words.append("a first look from few samples and few steps")
    if "n" in facts:
        words.append(f"n = {facts['n']:,}")
    if "seed" in facts:
        words.append(f"samples of seed {facts['seed']}")
    if "models_sha256" in facts:
        words.append(f"models {', '.join(name[:8] for name in facts['models_sha256'])}")
    elif "weights_sha256" in facts:
        words.append(f"model {facts['weights_sha256'][:8]}")
    return f"({'; '.join(words)})" if words else ""
