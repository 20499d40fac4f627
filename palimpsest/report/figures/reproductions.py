"""Figures S5 and S10: photographs and renders as a generator reproduces them, and under a new rule.

The panels hold an array (rows, R, R, 3) uint8 for each column. S5: the last row has a sticker if
the facts say so, and the facts tell in which pictures a smile was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from palimpsest.files.panels import Panel
from palimpsest.report.figures.layout import (
    CELL,
    GAP,
    MARGIN,
    WIDE_GAP,
    provenance,
    session_label,
)
from palimpsest.report.figures.sheet import Sheet, Style

SIDE = CELL
LABEL = 1.05
HEADINGS = {
    "photograph": "held-out\nphotograph",
    "render": "held-out\nrender",
    "best_z": "best z",
    "best_w": "best w,\none a layer",
    "adapted": "weights\nadapted",
    "switched": "{units} units\nswitched",
    "counterfactual": "world’s render,\nnew rule",
}
OF_PHOTOGRAPHS = ("photograph", "best_z", "best_w", "adapted", "edited", "switched")
OF_RENDERS = ("render", "best_z", "best_w", "adapted", "edited", "counterfactual")
NEW = ("edited", "switched")
"""Columns that show a change; the columns before them reproduce."""


def draw_photographs(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Rows: photographs; columns: the stages of their reproduction, and two changes."""
    facts = panel.facts
    names = [name.replace("_", " ").replace("/", "\n") for name in facts["photographs"]]
    plain = len(names) - facts["stickers"]
    labels = [*names[:plain], *(f"{name}\nwith a sticker" for name in names[plain:])]
    sheet = _drawn(panel, style, OF_PHOTOGRAPHS, labels, facts["shows"], plain)
    return sheet, photographs_caption(panel)


def draw_renders(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Rows: renders; columns: the stages of their reproduction, the rule, and the truth."""
    count = len(panel.arrays["render"])
    sheet = _drawn(panel, style, OF_RENDERS, [""] * count, {}, count)
    return sheet, renders_caption(panel)


def _drawn(
    panel: Panel,
    style: Style,
    columns: Sequence[str],
    labels: Sequence[str],
    shows: Mapping[str, Sequence[bool]],
    plain: int,
) -> Sheet:
    """``shows``: by column and row, whether a smile was seen; ``plain``: rows above the gap."""
    pictures = {name: panel.arrays[name] for name in columns}
    label = LABEL if any(labels) else 0.0
    line = style.line if shows else 0.0
    head = MARGIN + style.line * 3
    pitch = SIDE + GAP + line
    gap = WIDE_GAP if plain < len(labels) else 0.0
    new = [columns.index(name) for name in columns if name in (*NEW, "counterfactual")]
    lefts = [
        MARGIN + label + i * (SIDE + GAP) + (WIDE_GAP if i >= new[0] else 0.0)
        for i in range(len(columns))
    ]
    width = lefts[-1] + SIDE + MARGIN
    sheet = Sheet(width, head + len(labels) * pitch + gap + MARGIN, style)
    for name, left in zip(columns, lefts, strict=True):
        words = HEADINGS.get(name) or f"rule:\n{_rule(panel)}"
        sheet.text(
            words.format(units=panel.facts.get("units")),
            left + SIDE / 2,
            head - style.line * 0.5,
            align="center",
            valign="bottom",
            weight="bold",
            size=0.95,
            colour=style.accent if name in NEW else style.ink,
        )
    for row, words in enumerate(labels):
        top = head + row * pitch + (gap if row >= plain else 0.0)
        if words:
            sheet.text(words, MARGIN + label - 0.1, top + SIDE / 2, align="right")
        for name, left in zip(columns, lefts, strict=True):
            sheet.picture(pictures[name][row], left, top, SIDE)
            if name in shows:
                smiling = shows[name][row]
                sheet.text(
                    "smiles" if smiling else "does not",
                    left + SIDE / 2,
                    top + SIDE + line * 0.55,
                    align="center",
                    size=0.85,
                    colour=style.accent if smiling else style.ink,
                )
    return sheet


def _rule(panel: Panel) -> str:
    """What the edit does, without the model."""
    return session_label(panel.facts["session"]).partition(",")[0]


def photographs_caption(panel: Panel) -> str:
    """The caption: what each column shows, how photographs and units were chosen."""
    facts = panel.facts
    shown = len(facts["photographs"]) - facts["stickers"]
    sticker = (
        " Last row: the first photograph with a sticker painted on the cheek, a thing that no "
        "sample of the generator has; compare how much of it the adapted weights draw, and what "
        "is left of it under the changes."
        if facts["stickers"]
        else ""
    )
    return (
        f"Photographs that nothing was trained on: the first {shown} held-out ones by number, with "
        "smiling ones at their share of the set; none was chosen by hand. From left to right: the "
        "photograph; the nearest image that a z gives; the nearest with a w of its own for each "
        "layer; the same w with the weights above layer "
        f"{facts['layer']} adapted to this photograph. Then two changes of the adapted generator: "
        f"the rule “{_rule(panel)}”, made on samples and not on any photograph "
        f"(layer {facts['layer']}, rank {facts['rank']}, strength {facts['strength']:g}), and "
        f"{facts['units']} units of layer "
        f"{facts['switched_layer']} switched around the mouth, on if the reproduction does not "
        "smile and off if it does. The units are those whose switch changes the classifier’s score "
        "of samples most. Below each picture: whether the classifier sees a smile, which is not "
        f"always right.{sticker} {provenance(facts)}"
    ).strip()


def renders_caption(panel: Panel) -> str:
    """The caption: what each column shows, and how the scenes were chosen."""
    facts = panel.facts
    return (
        "Renders that the generator was not trained on, reproduced and edited like photographs: "
        f"the first {len(panel.arrays['render'])} scenes of seed {facts['seed']} that the rule "
        f"“{_rule(panel)}” changes, none chosen by hand. From left to right: the "
        "render; the nearest image that a z gives; the nearest with a w of its own for each layer; "
        f"the same w with the weights above layer {facts['layer']} adapted; that under the new "
        "rule; and the scene as the world draws it under the new rule, which the generator never "
        f"saw. {provenance(facts)}"
    ).strip()
