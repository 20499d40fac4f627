"""Units in the browser: listed for a painted place, switched there, and nowhere else."""

from playwright.sync_api import expect

SAMPLE = 16
"""A sample with a large dome, seen at `DOME`."""
DOME = ((0.5, 0.28), (0.5, 0.4))
SIZES = {"phone": (390, 844), "tablet": (820, 1180)}


def paint_place(author, sample: int = SAMPLE) -> None:
    author.open(sample)
    author.role("units")
    author.paint(*DOME)
    author.page.locator("#units-list [data-unit]").nth(7).wait_for()


def switch(author, row: str, to: str) -> None:
    author.page.locator(f"#units-list {row} [value={to}]").first.click()


def tiles(author) -> dict[str, str]:
    numbers = author.page.evaluate(
        "() => [...document.querySelectorAll('.tile')].map(tile => tile.dataset.sample)"
    )
    return dict(zip(numbers, author.pixels(), strict=True))


def test_switched_units_change_this_picture_at_this_place_and_undo_brings_it_back(author):
    page = author.page
    author.settle()
    before = tiles(author)
    author.open(SAMPLE)
    author.role("units")
    expect(page.locator("#units-empty")).to_be_visible()
    expect(page.locator("#units")).to_contain_text("what you save holds none of it")
    paint_place(author)
    expect(page.locator("#units-list [data-unit] .heat[src]")).to_have_count(8)
    switch(author, ".all", "off")
    expect(page.locator("#units-list [data-unit] [value=off]:checked")).to_have_count(8)
    author.until(lambda: tiles(author)[str(SAMPLE)] != before[str(SAMPLE)])
    author.settle()
    after = tiles(author)
    assert [sample for sample in before if after[sample] != before[sample]] == [str(SAMPLE)]
    page.wait_for_function("() => document.querySelector('#after').src")
    expect(page.locator("#units-places li")).to_contain_text("8 off")
    author.undo_all(2)
    author.until(lambda: tiles(author) == before)
    expect(page.locator("#units-empty")).to_be_visible()


def test_a_single_unit_is_on_in_another_picture_and_all_is_there_after_a_reload(author):
    page = author.page
    paint_place(author)
    row = page.locator("#units-list [data-unit]").first
    unit = row.get_attribute("data-unit")
    switch(author, f'[data-unit="{unit}"]', "on")
    expect(page.locator("#units-places li")).to_contain_text("1 on")
    paint_place(author, 5)
    author.page.locator(f'#units-list [data-unit="{unit}"]').wait_for()  # it can be used here too
    switch(author, f'[data-unit="{unit}"]', "on")
    expect(page.locator("#units-places li")).to_have_count(2)
    page.reload()
    page.wait_for_function("() => document.body.dataset.revision")
    author.open(5)
    author.role("units")
    expect(page.locator(f'#units-list [data-unit="{unit}"] [value=on]')).to_be_checked()
    page.get_by_role("button", name=f"Switch nothing on sample {SAMPLE}").click()
    expect(page.locator("#units-places li")).to_have_count(1)


def test_by_keyboard_alone(author):
    page = author.page
    author.open(SAMPLE)
    page.keyboard.press("5")
    page.locator("#canvas").focus()
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    page.keyboard.press(" ")
    page.locator("#units-list [data-unit]").nth(7).wait_for()
    page.locator("#units-list [data-unit] [value=drawn]").first.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#units-places li")).to_contain_text("1 off")
    first = page.locator("#units-list [data-unit] [value=off]").first
    expect(first).to_be_focused()  # the list stays under the hand


def test_on_a_phone_the_picture_stays_in_sight_while_units_are_switched(open_page):
    author = open_page(viewport=SIZES["phone"])
    page = author.page
    paint_place(author)
    page.locator("#units-list [data-unit] [value=off]").nth(7).scroll_into_view_if_needed()
    page.locator("#units-list [data-unit] [value=off]").nth(7).click()
    expect(page.locator("#units-places li")).to_contain_text("1 off")
    expect(page.locator("#easel")).to_be_in_viewport(ratio=0.9)
