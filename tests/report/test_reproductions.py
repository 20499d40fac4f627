"""Figures of reproductions: one colour has one meaning, and the enlarged part is the right one."""

import numpy as np
import pytest
from PIL import Image, ImageColor

from palimpsest.files.panels import Panel
from palimpsest.report.figures import Style, draw_figure
from palimpsest.report.figures.column_groups import BETWEEN, Column, Group, placed, total_width
from palimpsest.report.figures.reproductions import SMILE

STYLE = Style(dpi=100)
COLUMNS = ("photograph", "best_z", "best_w", "adapted", "edited", "switched")
SIDE, GREY = 64, 180
GREEN = (0, 200, 0)


def panel_of(rows, stickers=0, smiling=False, **pictures):
    grey = np.full((rows, SIDE, SIDE, 3), GREY, np.uint8)
    names = [f"not_smiling/{8 * (i + 1)}" for i in range(rows - stickers)]
    facts = {"photographs": names + names[:stickers], "stickers": stickers, "n": 16}
    facts |= {"shows": {name: [smiling] * rows for name in COLUMNS}, "session": "photo_smile"}
    facts |= {"layer": 5, "switched_layer": 5, "units": 16, "rank": 1, "strength": 3.0}
    return Panel(dict.fromkeys(COLUMNS, grey) | pictures, facts)


def drawn(panel, folder):
    draw_figure("figS5_photographs", panel, STYLE, folder / "f.png")
    return np.asarray(Image.open(folder / "f.png").convert("RGB")).astype(int)


def near(page, colour):
    """(H, W) bool: pixels of nearly this colour."""
    return (np.abs(page - np.array(colour)) < 30).all(axis=-1)


def first_picture(page):
    """The page's row of pixels in which the first pictures begin."""
    return int(np.flatnonzero(near(page, (GREY,) * 3).sum(axis=1) > page.shape[1] / 2)[0])


@pytest.mark.parametrize("smiling", [True, False])
def test_red_is_for_edits_and_blue_for_smiles(smiling, tmp_path):
    page = drawn(panel_of(2, smiling=smiling), tmp_path)
    red, blue = (near(page, ImageColor.getrgb(colour)) for colour in (STYLE.accent, SMILE))
    below = first_picture(page)
    assert red[:below].any() and not red[below:].any()
    assert blue[below:].any() == smiling


def test_the_mouth_before_and_after_is_enlarged(tmp_path):
    mouth = np.full((1, SIDE, SIDE, 3), GREY, np.uint8)
    mouth[:, 44:54, 24:40] = GREEN
    page = drawn(panel_of(1, adapted=mouth), tmp_path)
    green = near(page, GREEN)
    columns = np.flatnonzero(green.any(axis=0))
    (gap,) = np.flatnonzero(np.diff(columns) > 1)  # the whole picture, and its part
    whole, part = columns[: gap + 1], columns[gap + 1 :]
    assert len(part) > 1.5 * len(whole)
    assert green[:, part[0] :].sum() > 2.5 * green[:, : part[0]].sum()


def test_in_the_row_of_a_sticker_the_sticker_is_enlarged(tmp_path):
    """It lies outside the part that the other rows enlarge."""
    photograph = np.full((2, SIDE, SIDE, 3), GREY, np.uint8)
    photograph[1, 6:16, 40:50] = 250
    adapted = np.full((2, SIDE, SIDE, 3), GREY, np.uint8)
    adapted[:, 6:16, 40:50] = GREEN
    page = drawn(panel_of(2, stickers=1, photograph=photograph, adapted=adapted), tmp_path)
    green = near(page, GREEN)
    columns = np.flatnonzero(green.any(axis=0))
    (gap,) = np.flatnonzero(np.diff(columns) > 1)
    rows_of_part = np.flatnonzero(green[:, columns[gap + 1] :].any(axis=1))
    rows_of_whole = np.flatnonzero(green[:, : columns[gap] + 1].any(axis=1))
    assert np.diff(rows_of_whole).max() > 50  # both rows show it whole
    assert np.diff(rows_of_part).max() == 1  # and only the last one enlarged
    assert rows_of_part[0] > rows_of_whole.mean()


def test_a_figure_without_stickers_is_shorter(tmp_path):
    without = drawn(panel_of(2), tmp_path)
    assert len(without) < len(drawn(panel_of(2, stickers=1), tmp_path))


def test_columns_lie_in_their_groups():
    groups = [
        Group("one", (Column("a", ""), Column("b", "")), side=1.0),
        Group("two", (Column("c", "", edited=True),), side=2.0),
    ]
    lefts = {column.name: left for _, column, left in placed(groups, 0.5)}
    assert lefts["a"] == 0.5 and lefts["b"] > 1.5
    assert lefts["c"] == pytest.approx(lefts["b"] + 1.0 + BETWEEN)
    assert total_width(groups) == pytest.approx(lefts["c"] + 2.0 - 0.5)
    assert [group.edited for group in groups] == [False, True]
