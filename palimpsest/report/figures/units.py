"""Figure S6: units and the classes they fit; one class switched off; another switched on.

The panel holds the arrays of `experiments.units.measure`, and as its fact ``rows`` those of the
table, so that the numbers beside the pictures are the table's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from palimpsest.files.panels import Panel
from palimpsest.report.figures.layout import GAP, MARGIN, provenance
from palimpsest.report.figures.sheet import Sheet, Style

SIDE = 1.2
PITCH = SIDE + GAP
LABEL = 1.5
NUMBERS = 1.5
BLOCK = 0.2
"""Space between the three parts."""

CLOSE_UP = 0.5
"""Side of a close-up as a share of the image's side."""

Row = Mapping[str, Any]
Key = tuple[str, str, str]
"""``switched``, ``place`` and ``chosen_by`` of a row."""

OFF: Key = ("off", "everywhere", "fit")
AT_THING: Key = ("off", "at_thing", "fit")
OFF_CHANCE: Key = ("off", "everywhere", "chance")
ON: Key = ("on", "fits", "cause")
ON_UNFIT: Key = ("on", "unfit", "cause")


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Rows of pictures: units; before and after off; before and after on, at each place."""
    arrays, facts = panel.arrays, panel.facts
    head, gap = style.line * 2.2, GAP * 3
    columns = max(len(arrays["unit_images"]), len(arrays["off_before"]))
    left = MARGIN + LABEL
    right = left + columns * PITCH + 0.1
    heights = [head + PITCH + style.line * 1.3, head + PITCH * 3, head + PITCH * 4 + gap]
    tops = [MARGIN + sum(heights[:part]) + BLOCK * part for part in range(3)]
    sheet = Sheet(right + NUMBERS + MARGIN, tops[2] + heights[2] + MARGIN, style)
    page = _Page(sheet, left, right, _rows(facts))

    off, on = facts["off"], facts["on"]
    page.heading(f"units of layer {off['layer']}, each with the class that it fits best", tops[0])
    _draw_units(page, panel, tops[0] + head)

    page.heading(
        f"{off['units']} {off['thing']} units of layer {off['layer']} switched off",
        tops[1],
        f"{off['thing']} pixels seen",
    )
    for number, (name, words) in enumerate(
        (
            ("off_before", "before"),
            ("_".join(OFF), f"{off['thing']} units off"),
            ("_".join(OFF_CHANCE), "as many\nother units off"),
        )
    ):
        top = tops[1] + head + number * PITCH
        page.pictures(list(arrays[name]), top)
        page.label(words, top, name == "_".join(OFF))
        key = OFF_CHANCE if number == 2 else OFF
        page.numbers(key, "after" if number else "before", top, name == "_".join(OFF))

    page.heading(
        f"{on['units']} {on['thing']} units of layer {on['layer']} switched on in the frame "
        "(close-ups)",
        tops[2],
        f"{on['thing']} pixels seen",
    )
    for number, (key, place) in enumerate(
        ((ON, f"where a {on['thing']} fits"), (ON_UNFIT, f"in the {on['unfit']}"))
    ):
        masks = arrays[f"on_{key[1]}_mask"]
        boxes = [close_up(mask) for mask in masks]
        for after, name in ((False, "on_before"), (True, "_".join(key))):
            top = tops[2] + head + (2 * number + after) * PITCH + gap * number
            page.pictures([arrays[name][i][box] for i, box in enumerate(boxes)], top)
            if not after:
                page.frames([mask[box] for mask, box in zip(masks, boxes, strict=True)], top)
            page.label(f"{on['thing']} units on\n{place}" if after else "before", top, after)
            page.numbers(key, "after" if after else "before", top, after, carried=True)
    return sheet, caption(panel)


class _Page:
    """The columns of the sheet: labels, pictures from ``left`` on, numbers from ``right`` on."""

    def __init__(self, sheet: Sheet, left: float, right: float, rows: Mapping[Key, Row]) -> None:
        self.sheet, self.left, self.right, self.rows = sheet, left, right, rows
        self.line = sheet.style.line

    def heading(self, words: str, top: float, numbers: str = "") -> None:
        self.sheet.text(words, self.left, top + self.line * 0.7, weight="bold")
        self.sheet.rule(self.left, top + self.line * 1.6, self.right - 0.1)
        if numbers:
            middle = self.right + NUMBERS / 2
            self.sheet.text(numbers, middle, top + self.line * 0.7, align="center", weight="bold")
            self.sheet.rule(self.right, top + self.line * 1.6, self.right + NUMBERS)

    def label(self, words: str, top: float, ours: bool = False) -> None:
        self.sheet.text(
            words,
            self.left - 0.1,
            top + SIDE / 2,
            align="right",
            weight="bold" if ours else "normal",
            colour=self._colour(ours),
        )

    def pictures(self, pictures: list[np.ndarray], top: float) -> None:
        for column, picture in enumerate(pictures):
            self.sheet.picture(picture, self.left + column * PITCH, top, SIDE)

    def frames(self, masks: list[np.ndarray], top: float) -> None:
        """A frame around the place in each picture of a row; ``masks`` (h, w) of 0 and 1."""
        for column, mask in enumerate(masks):
            step = SIDE / len(mask)
            first, last = (
                [end(axis) * step for axis in mask.nonzero()] for end in (np.min, np.max)
            )
            x, y = self.left + column * PITCH + first[1], top + first[0]
            self.sheet.frame(x, y, last[1] - first[1] + step, last[0] - first[0] + step)

    def numbers(
        self, key: Key, when: str, top: float, ours: bool, *, carried: bool = False
    ) -> None:
        row = self.rows[key]
        lines = [said(row, f"{when}_percent")]
        if carried:
            lines += [f"carried to the {row['thing']}:", said(row, f"carried_{when}_percent")]
        if when == "after":
            lines += [f"{row['elsewhere_percent']:.1f} % of other", "labels changed"]
        self.sheet.text(
            "\n".join(lines),
            self.right + NUMBERS / 2,
            top + SIDE / 2,
            align="center",
            colour=self._colour(ours),
        )

    def _colour(self, ours: bool) -> str:
        return self.sheet.style.accent if ours else self.sheet.style.ink


def _draw_units(page: _Page, panel: Panel, top: float) -> None:
    """Each unit in the image where it is on in most cells, outlined there."""
    facts = panel.facts
    page.pictures(list(panel.arrays["unit_images"]), top)
    page.label("where the\nunit is on,\nand its IoU", top)
    about = zip(facts["unit_classes"], facts["unit_ious"], strict=True)
    for column, (name, iou) in enumerate(about):
        left = page.left + column * PITCH
        level = float(panel.arrays["unit_thresholds"][column])
        page.sheet.outline(panel.arrays["unit_maps"][column], level, left, top, SIDE)
        page.sheet.text(
            f"{name.replace('_', ' ')}, {iou:.2f}",
            left + SIDE / 2,
            top + SIDE + page.line * 0.7,
            align="center",
            size=0.9,
        )


def close_up(mask: np.ndarray) -> tuple[slice, slice]:
    """The part of an image around its place (R, R), `CLOSE_UP` of its side; all inside it."""
    side = len(mask)
    size = round(CLOSE_UP * side)
    top, left = (
        min(max(0, round(float(axis.mean())) - size // 2), side - size) for axis in mask.nonzero()
    )
    return slice(top, top + size), slice(left, left + size)


def said(row: Row, name: str) -> str:
    """An estimate in per cent with its interval."""
    return f"{row[name]:.1f} % ({row[f'{name}_low']:.1f}–{row[f'{name}_high']:.1f})"


def _rows(facts: Mapping[str, Any]) -> dict[Key, Row]:
    return {(row["switched"], row["place"], row["chosen_by"]): row for row in facts["rows"]}


def caption(panel: Panel) -> str:
    """The caption: what each part shows, how units were chosen, and the numbers of the table."""
    facts, rows = panel.facts, _rows(panel.facts)
    off, on = facts["off"], facts["on"]
    tree, door, sky = off["thing"], on["thing"], on["unfit"]
    height, width = facts["place_pixels"]
    by_fit, by_chance = rows["on", "fits", "fit"], rows["on", "fits", "chance"]
    return (
        f"Units switched, as in GAN Dissection. Top: the best unit of layer {off['layer']} for "
        f"each of {len(facts['unit_classes'])} classes, in the image where it is on in most cells "
        "(above its own 99th percentile), with the IoU of its map and the class over "
        f"{facts['dissected']} samples. Middle: the {off['units']} of {facts['width']['off']} "
        f"units that fit {tree}s best, set to zero everywhere, in images with {tree}s. The share "
        f"of pixels labelled {tree} is {said(rows[OFF], 'before_percent')} before and "
        f"{said(rows[OFF], 'after_percent')} after. If they are zero only in cells with {tree}s "
        f"(not shown), it is {said(rows[AT_THING], 'after_percent')}, and "
        f"{rows[AT_THING]['elsewhere_percent']:.1f} % of the other labels change. Below: as many "
        f"other units of the layer, drawn at random, set to zero. Bottom: {on['units']} of "
        f"{facts['width']['on']} units of layer {on['layer']} set to their mean values at {door}s "
        f"in {height} × {width} pixels (framed): at the building’s ground floor, and in the {sky} "
        "above. What the later layers make of the same values depends on the place. These units "
        f"are those with the largest effect on the class where a {door} fits. With the units of "
        f"the highest IoU with {door}s instead, {said(by_fit, 'carried_after_percent')} of the "
        f"place is labelled {door} when carried, with random ones "
        f"{said(by_chance, 'carried_after_percent')}. Numbers: the share of the place that "
        f"{rows[ON]['segmenter']} labels {door}. It hardly recognises a {door} at an unusual "
        f"place: of the image’s own {door}, copied there, it sees "
        f"{said(rows[ON], 'own_copied_percent')} at the building and "
        f"{said(rows[ON_UNFIT], 'own_copied_percent')} in the {sky}. So the pixels of the place "
        f"are also copied over the image’s own {door}, and labelled there (“carried”). The same "
        "segmenter, on other samples, chose the units with the largest effect. No image was "
        f"chosen by hand. {provenance(facts)}"
    ).strip()
