"""How the page looks: nothing cut at any size, focus seen, nothing that axe calls serious."""

import pytest
from playwright.sync_api import expect

SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desk": (1440, 900)}
LEAST_TARGET = 24
"""Pixels that a button measures at least, in both directions (WCAG 2.5.8)."""

SMALL = """least => [...document.querySelectorAll('button, select, summary')].filter(e => {
    const box = e.getBoundingClientRect();
    return box.width && (box.width < least || box.height < least);
}).map(e => e.outerHTML.slice(0, 80))"""

CUT = """() => [...document.querySelectorAll('button, h2, h3, label span, .roles span')].filter(e =>
    e.clientWidth && e.scrollWidth > e.clientWidth + 1 && !e.closest('.unseen') &&
    getComputedStyle(e).textOverflow !== 'ellipsis' &&
    !getComputedStyle(e).clipPath.includes('inset')
).map(e => e.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("size", SIZES)
def test_the_page_fits(open_page, size):
    author = open_page(viewport=SIZES[size])
    page = author.page
    sideways = "() => document.documentElement.scrollWidth - innerWidth"
    assert page.evaluate(sideways) <= 0
    author.make_rule()
    for view in ("pictures", "rule") if size == "phone" else (None,):
        if view:
            page.locator(f'.views [data-view="{view}"]').click()
        assert page.evaluate(sideways) <= 0
        assert page.evaluate(CUT) == []
        assert page.evaluate(SMALL, LEAST_TARGET) == []
    expect(page.locator("#status")).to_be_in_viewport()
    page.locator("#way [value=erase]").click()
    page.locator("#erase").wait_for()
    assert page.evaluate(sideways) <= 0 and page.evaluate(CUT) == []
    if size == "phone":
        page.locator('.views [data-view="pictures"]').click()
    author.role("units")
    author.paint((0.5, 0.3), (0.5, 0.4))
    page.locator("#units-list [data-unit]").nth(7).wait_for()
    assert page.evaluate(sideways) <= 0
    assert page.evaluate(CUT) == []
    assert page.evaluate(SMALL, LEAST_TARGET) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["phone", "desk"])
def test_axe_finds_nothing_serious(open_page, size, scheme):
    author = open_page(viewport=SIZES[size], color_scheme=scheme, bypass_csp=True)
    page = author.page
    page.emulate_media(reduced_motion="reduce")

    def check(where):
        assert [(where, *fault) for fault in author.serious_faults()] == []

    author.settle()
    check("first visit")
    author.make_rule()
    check("painting")
    author.role("result")
    check("result")
    author.role("units")
    author.paint((0.5, 0.3), (0.5, 0.4))
    page.locator("#units-list [data-unit]").nth(7).wait_for()
    check("units")
    if size == "phone":
        page.locator('.views [data-view="rule"]').click()
        check("rule")
    page.locator("#keep").click()
    author.filled("object", False)
    check("a rule kept")
    page.locator("#way [value=erase]").click()
    page.locator("#erase").wait_for()
    check("erase")
    for button in ("save", "open", "help"):
        page.locator(f"#{button}").click()
        page.locator("#dialog").wait_for()
        check(button)
        page.keyboard.press("Escape")


def test_focus_is_seen_wherever_tab_leads(author):
    page = author.page
    author.make_rule()
    page.locator("#undo").focus()
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        outlined = page.evaluate(
            """() => {
                const at = document.activeElement;
                const ringed = [at, at.nextElementSibling, at.parentElement].filter(Boolean);
                const shown = ringed.some(e => parseFloat(getComputedStyle(e).outlineWidth) >= 2
                    && getComputedStyle(e).outlineStyle !== 'none');
                return [at.id || at.className || at.tagName, shown];
            }"""
        )
        if outlined[0] == "BODY":
            break
        assert outlined[1], outlined[0]
        seen.add(outlined[0])
    assert {"canvas", "brush", "strength", "keep"} <= seen
