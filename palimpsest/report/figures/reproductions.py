"""Figures S5 and S10: photographs and renders as a generator reproduces them, and edited.

The panels hold an array (rows, R, R, 3) uint8 for each column. S5: the last rows have a sticker if
the facts say so, and the facts tell in which pictures a smile was seen. The accent colour is for
edits alone; what the classifier sees has a colour of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from palimpsest.files.panels import Panel
from palimpsest.report.figures.column_groups import (
    HEADING_LINES,
    Column,
    Group,
    draw_headings,
    placed,
    total_width,
)
from palimpsest.report.figures.layout import CELL, GAP, MARGIN, provenance, session_label
from palimpsest.report.figures.sheet import Sheet, Style

LABEL = 0.38
"""Width of the labels of rows, which are turned."""

TERMS = 1.15
"""Width of the terms that a key explains."""

SIDE = CELL * 0.905
RENDER_SIDE = CELL * 1.17
"""Sides of photographs and renders: the sheets fill the report's page and are not made smaller."""

ENLARGED = CELL * 1.18
"""Width of enlarged parts."""

COMPARED = ("adapted", "edited")
"""Pictures whose parts are shown enlarged, one below the other."""

MOUTH = (0.16, 0.62, 0.86, 0.97)
"""Left, top, right and bottom of the mouth as shares of a photograph: the faces are aligned."""

SMILE, NO_SMILE = "#1f5fa8", "#6a6a6a"
SEEN = {True: ("● smile", SMILE), False: ("○ no smile", NO_SMILE)}

IN_WORDS = {"photo_smile": "smile rule"}

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; the last two lie outside."""

Entry = tuple[str, str, bool]
"""A term of a key, what it means, and whether it is an edit."""


def draw_photographs(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Rows: photographs; columns: the stages of their reproduction, two edits, and the mouths."""
    facts, arrays = panel.facts, panel.arrays
    names, shows = facts["photographs"], facts["shows"]
    plain = len(names) - facts["stickers"]
    groups, key = _groups_of_photographs(panel), _key_of_photographs(panel)
    left = MARGIN + LABEL
    first = MARGIN + (len(key) + 2 + HEADING_LINES) * style.line
    mouth = _mouth(arrays["photograph"])
    pitch = 2 * (_tall(mouth) + GAP) + style.line * 0.7
    apart = style.line * 3.4 if facts["stickers"] else 0.0
    height = first + len(names) * pitch + apart + MARGIN
    sheet = Sheet(left + total_width(groups) + MARGIN, height, style)
    _draw_key(sheet, key, left)
    _draw_marks(sheet, left, MARGIN + (len(key) + 0.5) * style.line)
    draw_headings(sheet, groups, left, first)
    for row, name in enumerate(names):
        top = first + row * pitch + (apart if row >= plain else 0.0)
        box = _sticker(arrays["photograph"], names, row) if row >= plain else mouth
        if row == plain:
            _head_of_stickers(sheet, groups, left, top)
        _label(sheet, name, top)
        for group, column, x in placed(groups, left):
            if group.enlarged:
                for i, compared in enumerate(COMPARED):
                    part = arrays[compared][row, box[1] : box[3], box[0] : box[2]]
                    sheet.picture(part, x, top + i * (_tall(mouth) + GAP), ENLARGED)
                continue
            picture = arrays[column.name][row]
            sheet.picture(picture, x, top, SIDE)
            if row in (0, plain) and column.name in COMPARED:
                _frame(sheet, box, x, top, SIDE / picture.shape[1])
            words, colour = SEEN[bool(shows[column.name][row])]
            below = top + SIDE + style.line * 0.7
            sheet.text(words, x + SIDE / 2, below, align="center", size=0.95, colour=colour)
    return sheet, photographs_caption(panel)


def draw_renders(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Rows: renders; columns: the stages of their reproduction, the edit, and the truth."""
    edit = (Column("edited", f"rule:\n{_rule(panel)}", edited=True),)
    truth = (Column("counterfactual", "the world’s render\nunder the new rule"),)
    groups = (
        Group("render", (Column("render", "held out from\ntraining"),), RENDER_SIDE),
        _reproduced("render", RENDER_SIDE),
        Group("edit of the\nadapted picture", edit, RENDER_SIDE),
        Group("truth", truth, RENDER_SIDE),
    )
    key = _key_of_renders(panel)
    first = MARGIN + (len(key) + 1 + HEADING_LINES) * style.line
    count = len(panel.arrays["render"])
    pitch = RENDER_SIDE + GAP
    sheet = Sheet(total_width(groups) + 2 * MARGIN, first + count * pitch + MARGIN, style)
    _draw_key(sheet, key, MARGIN)
    draw_headings(sheet, groups, MARGIN, first)
    for _, column, x in placed(groups, MARGIN):
        for row, picture in enumerate(panel.arrays[column.name]):
            sheet.picture(picture, x, first + row * pitch, RENDER_SIDE)
    return sheet, renders_caption(panel)


def _groups_of_photographs(panel: Panel) -> tuple[Group, ...]:
    rule = _rule_in_words(panel)
    edited = Column("edited", rule, edited=True)
    enlarged = Column("enlarged", f"above: adapted,\nbelow: {rule}")
    switched = Column("switched", f"{panel.facts['units']} units\nswitched", edited=True)
    return (
        Group("photograph", (Column("photograph", "held out from\ntraining"),), SIDE),
        _reproduced("photograph", SIDE),
        Group("edits of the\nadapted picture", (edited, switched), SIDE),
        Group("the mouth,\nenlarged", (enlarged,), ENLARGED, enlarged=True),
    )


def _reproduced(what: str, side: float) -> Group:
    """The stages of a reproduction."""
    columns = (
        Column("best_z", "nearest image\nof one z"),
        Column("best_w", "nearest image,\none w a layer"),
        Column("adapted", "same w,\nadapted weights"),
    )
    return Group(f"the {what},\nreproduced by the generator", columns, side)


def _key(panel: Panel, what: str) -> list[Entry]:
    """What the headings of a reproduction name."""
    return [
        ("z", "the numbers from which the generator makes a whole image", False),
        (
            "w",
            "what the generator computes from z; its layers share one w, here each layer may have "
            "its own",
            False,
        ),
        (
            "adapted",
            f"the weights above layer {panel.facts['layer']} are changed until they draw this "
            f"{what} from the same w",
            False,
        ),
        ("in red", "edits; each starts from the adapted picture", True),
    ]


def _key_of_photographs(panel: Panel) -> list[Entry]:
    facts = panel.facts
    rule = (
        f"an edit of layer {facts['layer']}, made on samples and not on any photograph; "
        f"strength {facts['strength']:g}"
    )
    units = (
        f"channels of layer {facts['switched_layer']}, switched on around the mouth if the adapted "
        "picture does not smile, off if it does"
    )
    number = "its number in the set, and whether the set calls it smiling"
    edits = [(_rule_in_words(panel), rule, True), ("units", units, True)]
    first, *_ = facts["photographs"]
    return [
        (f"photograph {_number(first)}", number, False),
        *_key(panel, "photograph"),
        *edits,
    ]


def _key_of_renders(panel: Panel) -> list[Entry]:
    rule = f"an edit of layer {panel.facts['layer']}, made on samples and not on any of these"
    truth = "the same scene as the world draws it under the new rule; the generator never saw it"
    return [*_key(panel, "render"), ("rule", rule, True), ("truth", truth, False)]


def _draw_key(sheet: Sheet, key: Sequence[Entry], left: float) -> None:
    line = sheet.style.line
    for i, (term, words, edited) in enumerate(key):
        middle = MARGIN + (i + 0.5) * line
        colour = sheet.style.accent if edited else sheet.style.ink
        sheet.text(term, left, middle, weight="bold", colour=colour)
        sheet.text(words, left + TERMS, middle)


def _draw_marks(sheet: Sheet, left: float, middle: float) -> None:
    """The last line of the key: what the words below the pictures mean."""
    for shown, x in ((True, left), (False, left + 0.5)):
        words, colour = SEEN[shown]
        sheet.text(words, x, middle, size=0.9, colour=colour)
    sheet.text("what the smile classifier sees; it is not always right", left + TERMS, middle)


def _label(sheet: Sheet, name: str, top: float) -> None:
    """A row's label from the photograph's name, ``<sorted as>/<number>``."""
    sorted_as, number = name.rpartition("/")[0], _number(name)
    middle = top + SIDE / 2
    for words, x, weight in (
        (f"photograph {number}", MARGIN + 0.1, "bold"),
        (sorted_as.replace("_", " "), MARGIN + 0.26, "normal"),
    ):
        sheet.text(words, x, middle, align="center", turn=90, weight=weight, size=0.95)


def _number(name: str) -> str:
    """The number in a photograph's name."""
    return name.rpartition("/")[2]


def _head_of_stickers(sheet: Sheet, groups: Sequence[Group], left: float, top: float) -> None:
    style = sheet.style
    middle = top - style.line * 1.6
    sheet.rule(left, middle - style.line * 0.8, left + total_width(groups))
    sheet.text("A sticker painted on the photograph: does it survive?", left, middle, weight="bold")
    sheet.text("No sample of the generator has one.", left, middle + style.line)
    for group, column, x in placed(groups, left):
        if group.enlarged and column is group.columns[0]:
            words = "the sticker,\nenlarged"
            below = middle + style.line / 2
            sheet.text(words, x + group.width / 2, below, align="center", weight="bold")


def _tall(box: Box) -> float:
    """Height of an enlarged part."""
    return ENLARGED * (box[3] - box[1]) / (box[2] - box[0])


def _frame(sheet: Sheet, box: Box, left: float, top: float, scale: float) -> None:
    """Frame the part of a picture that is shown enlarged."""
    width, height = (box[2] - box[0]) * scale, (box[3] - box[1]) * scale
    sheet.frame(left + box[0] * scale, top + box[1] * scale, width, height, colour=sheet.style.ink)


def _mouth(photographs: np.ndarray) -> Box:
    side = photographs.shape[1]
    left, top, right, bottom = (round(share * side) for share in MOUTH)
    return left, top, right, bottom


def _sticker(photographs: np.ndarray, names: Sequence[str], row: int) -> Box:
    """A box of the mouth's size around what a photograph has and the same one above has not."""
    changed = (photographs[row] != photographs[names.index(names[row])]).any(axis=-1)
    mouth, side = _mouth(photographs), len(changed)
    if not changed.any():
        return mouth
    starts = []
    for axis, length in ((0, mouth[2] - mouth[0]), (1, mouth[3] - mouth[1])):
        found = np.flatnonzero(changed.any(axis=axis))
        start = (int(found[0]) + int(found[-1]) + 1 - length) // 2
        starts.append(min(max(start, 0), side - length))
    left, top = starts
    return left, top, left + mouth[2] - mouth[0], top + mouth[3] - mouth[1]


def _rule(panel: Panel) -> str:
    """What the edit does, without the model."""
    return session_label(panel.facts["session"]).partition(",")[0]


def _rule_in_words(panel: Panel) -> str:
    return IN_WORDS.get(panel.facts["session"]) or f"rule: {_rule(panel)}"


def photographs_caption(panel: Panel) -> str:
    """The caption: what each column shows, how photographs and units were chosen."""
    facts = panel.facts
    shown = len(facts["photographs"]) - facts["stickers"]
    sticker = (
        " Last row: the first photograph with a sticker painted on the cheek, a thing that no "
        "sample of the generator has; compare how much of it the adapted weights draw, and what "
        "is left of it under the edits."
        if facts["stickers"]
        else ""
    )
    return (
        f"Photographs that nothing was trained on: the first {shown} held-out ones by number, with "
        "smiling ones at their share of the set; none was chosen by hand. Beside each row: the "
        "photograph’s number in its set, and as what the set sorts it. From left to right: the "
        "photograph; the nearest image that a z gives; the nearest with a w of its own for each "
        "layer; the same w with the weights above layer "
        f"{facts['layer']} adapted to this photograph. Then two edits of the adapted picture, each "
        f"alone: the rule “{_rule(panel)}”, made on samples and not on any photograph "
        f"(layer {facts['layer']}, rank {facts['rank']}, strength {facts['strength']:g}), and "
        f"{facts['units']} units of layer "
        f"{facts['switched_layer']} switched around the mouth, on if the adapted picture does not "
        "smile and off if it does. The units are those whose switch changes the classifier’s score "
        "of samples most. At the right: the mouth before the rule and, below it, after it, "
        "enlarged; a frame in the first row shows which part. Below each picture: whether the "
        f"classifier sees a smile, which is not always right.{sticker} {provenance(facts)}"
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
