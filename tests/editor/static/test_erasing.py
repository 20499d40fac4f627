"""Erasing in the browser: marks are painted, and all pictures follow, as with other rules."""

import json

from playwright.sync_api import expect

WAY = '#way [value="{}"]'


def erase(author) -> None:
    author.page.locator("#way label", has_text="Erase").click()
    expect(author.page.locator("#erase")).to_be_visible()  # the server has answered


def mark(author, sample: int) -> None:
    author.open(sample)
    expect(author.page.locator("#roles [value=mark]")).to_be_checked()
    author.paint((0.25, 0.55), (0.75, 0.55))
    author.page.locator(f'[aria-label="Mark on sample {sample}"]').wait_for()


def test_marks_are_erased_from_all_pictures_and_undo_brings_them_back(author):
    page = author.page
    author.settle()
    first = author.pixels()
    erase(author)
    author.says("paint over what should go")
    for role in ("object", "paste", "context"):
        expect(page.locator(f'#roles label[data-role="{role}"]')).to_be_hidden()
    mark(author, 5)
    author.settle()
    author.says(r"^\d+ ms; goal [\d.]+ → [\d.]+; elsewhere [\d.]+ %")
    author.until(lambda: not set(author.pixels()) & set(first))  # every picture follows
    mark(author, 10)
    assert page.locator('.tray[data-role="mark"] .slot').count() == 2
    author.undo_all(3)
    author.until(lambda: author.pixels() == first)
    expect(page.locator(WAY.format("paste"))).to_be_checked()
    assert page.locator("#roles [value=object]").is_checked()
    page.locator("#redo").click()
    expect(page.locator(WAY.format("erase"))).to_be_checked()


def test_the_number_of_silent_units_is_a_setting_and_the_goal_is_shown(author):
    page = author.page
    expect(page.locator("#erase")).to_be_hidden()
    erase(author)
    assert page.locator("#erase").input_value() == "8"  # 30 of 512 units, as in the paper
    mark(author, 5)
    author.settle()
    page.locator(".goal img").wait_for()
    before = author.pixels()
    page.locator("#erase").fill("30")
    expect(page.locator(".goal p")).to_contain_text("30")
    author.settle()
    author.until(lambda: author.pixels() != before)


def test_an_erasing_rule_is_kept_saved_and_opened_again(author, saved):
    page = author.page
    erase(author)
    mark(author, 5)
    author.settle()
    page.keyboard.press("Control+S")
    page.get_by_label("Name", exact=True).fill("no-mark")
    page.get_by_role("button", name="Save the session").click()
    expect(page.locator("#alert")).to_contain_text("Saved")
    held = json.loads((saved / "no-mark.json").read_text())
    assert held["erase"] == 8 and list(held["exemplars"][0]) == ["paste"]
    page.locator("#keep").click()
    expect(page.locator(".kept .title")).to_contain_text("no-mark")
    expect(page.locator(WAY.format("paste"))).to_be_checked()
    page.locator(".kept .again").click()
    page.locator('[aria-label="Mark on sample 5"]').wait_for()
    expect(page.locator(WAY.format("erase"))).to_be_checked()
