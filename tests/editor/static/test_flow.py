"""Copy, paste and context in the browser: by mouse, by keyboard alone, by touch; and back again."""

import re

from playwright.sync_api import expect

SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desk": (1440, 900)}


def test_the_first_visit_shows_24_samples_an_empty_rule_and_three_steps(author):
    page = author.page
    author.settle()
    assert page.locator(".tile").count() == 24
    assert page.locator(".tray[data-filled]").count() == 0
    assert page.locator(".steps li").count() == 3
    expect(page.locator("#example")).to_be_visible()
    author.says("no rule yet")


def test_a_rule_painted_by_mouse_changes_all_pictures_and_undo_gives_the_first_pixels_back(author):
    page = author.page
    author.settle()
    first = author.pixels()
    hints = []
    author.open(1)
    hints.append(page.locator("#hint span").inner_text())
    author.paint((0.36, 0.24), (0.36, 0.42))
    author.filled("object")
    author.says("Copied")
    author.open(2)
    assert page.locator("#roles [value=paste]").is_checked()
    hints.append(page.locator("#hint span").inner_text())
    author.paint((0.6, 0.28), (0.6, 0.42))
    author.filled("paste")
    author.settle()
    author.until(lambda: not set(author.pixels()) & set(first))  # every picture follows
    author.open(4)
    assert page.locator("#roles [value=context]").is_checked()
    hints.append(page.locator("#hint span").inner_text())
    author.paint((0.58, 0.28), (0.58, 0.42))
    author.filled("context")
    author.settle()
    author.says(r"^\d+ ms; goal [\d.]+ → [\d.]+; elsewhere [\d.]+ %")
    assert len(set(hints)) == 3
    expect(page.locator("#hint")).to_be_hidden()  # followed to the end

    author.undo_all(3)
    author.until(lambda: author.pixels() == first)
    assert page.locator(".tray[data-filled]").count() == 0
    page.locator("#redo").click()
    author.filled("object")


def test_single_strokes_are_undone_and_redone(author):
    author.open(1)
    author.paint((0.3, 0.3), (0.4, 0.3))
    author.filled("object")
    one = author.painted()
    author.paint((0.7, 0.7), (0.8, 0.7))
    author.page.wait_for_function("() => document.body.dataset.revision >= 3")
    two = author.painted()
    assert set(one) < set(two)
    author.undo()
    author.until(lambda: author.painted() == one)
    author.page.keyboard.press("Control+Shift+Z")
    author.until(lambda: author.painted() == two)


def test_the_whole_flow_by_keyboard_alone(author):
    page = author.page
    author.settle()
    first = author.pixels()

    def paint_at(right, down):
        page.locator("#canvas").focus()
        for key, count in (("ArrowRight", right), ("ArrowDown", down)):
            for _ in range(abs(count)):
                page.keyboard.press(
                    key if count > 0 else key.replace("Right", "Left").replace("Down", "Up")
                )
        page.keyboard.down(" ")
        for _ in range(4):
            page.keyboard.press("ArrowDown")
        page.keyboard.up(" ")

    for _ in range(20):  # from the top of the page to the grid
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.classList.contains('tile')"):
            break
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#picture-title")).to_have_text("Sample 1")
    paint_at(-4, -8)
    author.filled("object")
    page.keyboard.press(".")
    expect(page.locator("#picture-title")).to_have_text("Sample 2")
    paint_at(7, 0)
    author.filled("paste")
    page.keyboard.press(".")
    page.keyboard.press(".")
    paint_at(0, 0)
    author.filled("context")
    author.until(lambda: author.pixels() != first)
    page.keyboard.press("4")
    expect(page.locator("#wipe-row")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#picture")).to_be_hidden()
    page.keyboard.press("Control+Z")
    author.filled("context", False)


def test_the_whole_flow_by_touch_on_a_phone(open_page):
    author = open_page(viewport=SIZES["phone"], touch=True)
    page = author.page
    author.settle()
    first = author.pixels()
    scrolled = "() => document.querySelector('#main').scrollTop"
    for sample, role, x in ((1, "object", 0.36), (2, "paste", 0.6), (4, "context", 0.58)):
        author.settle()  # the pictures have moved to where they stay
        author.tap_sample(sample)
        author.until(lambda: page.evaluate(scrolled) == 0)  # the picture is what one sees
        author.touch((x, 0.26), (x, 0.34), (x, 0.42))
        author.filled(role)
        # a finger on the canvas paints, and does not scroll
        assert page.evaluate(scrolled) == 0
    author.until(lambda: author.pixels() != first)
    author.tap('.views [data-view="rule"]', page.locator("#trays").is_visible)
    expect(page.locator("#tiles")).to_be_hidden()


def test_before_and_after_with_the_slider_and_the_held_key(author):
    page = author.page
    author.make_rule()
    author.role("result")
    page.wait_for_function("() => document.querySelector('#after').src")
    assert author.pixels("#after") != author.pixels("#before")
    author.paint((0.9, 0.5), (0.25, 0.5))  # the edge follows the hand, and nothing is painted
    assert page.locator("#wipe").input_value() in ("24", "25", "26")
    assert re.search(
        r"inset\(0(px|%)? 0(px|%)? 0(px|%)? 2[456]%\)",
        page.locator("#after").evaluate("e => e.style.clipPath"),
    )
    assert page.locator(".tray[data-role=context] .slot").count() == 1
    page.keyboard.down("o")
    expect(page.locator("#after")).to_have_css("visibility", "hidden")
    expect(page.locator(".tile .after").first).to_have_css("visibility", "hidden")
    page.keyboard.up("o")
    expect(page.locator("#after")).to_have_css("visibility", "visible")


def test_what_is_painted_stays_in_place_in_another_window_and_under_another_brush(author):
    page = author.page
    author.open(1)
    author.paint((0.3, 0.3), (0.5, 0.4))
    author.filled("object")
    page.mouse.move(5, 5)
    before = author.painted()
    revision = page.evaluate("() => document.body.dataset.revision")
    page.set_viewport_size({"width": 900, "height": 1100})
    assert author.painted() == before
    page.locator("#size").fill("30")
    assert author.painted() == before
    assert page.evaluate("() => document.body.dataset.revision") == revision
    # the same place is painted over again: nothing new appears
    page.locator("#size").fill("4")
    author.paint((0.3, 0.3), (0.5, 0.4))
    page.wait_for_function("before => document.body.dataset.revision !== before", arg=revision)
    assert author.painted() == before


def test_eraser_invert_and_clear(author):
    page = author.page
    author.open(1)
    author.paint((0.3, 0.3), (0.5, 0.3))
    author.filled("object")
    whole = set(author.painted())
    page.locator("#eraser").click()
    author.paint((0.48, 0.2), (0.48, 0.4))
    assert len(author.painted()) < 0.9 * len(whole)
    page.locator("#invert").click()
    assert len(author.painted()) > 0.9 * 512 * 512
    page.locator("#clear").click()
    author.filled("object", False)
    assert author.painted() == []


def test_a_picture_that_did_not_come_is_asked_for_again(open_page):
    author = open_page(goto=False, complains_of=["ERR_FAILED"])
    page, refused = author.page, set()

    def once(route):
        if route.request.url in refused:
            route.continue_()
        else:
            refused.add(route.request.url)
            route.abort()

    for kind in ("pictures", "goals", "masks"):
        page.route(f"**/{kind}/**", once)
    page.goto(author.address)
    author.settle()
    author.make_rule()
    author.settle()
    page.wait_for_function("() => document.querySelector('.goal img').naturalWidth > 0")
    assert page.locator(".failed, [data-failed]").count() == 0
    assert {url.split("/")[3] for url in refused} == {"pictures", "goals", "masks"}


def test_a_stroke_made_before_the_mask_beneath_it_has_come_is_added_to_it(author):
    page, held = author.page, []
    author.open(1)
    author.paint((0.3, 0.3), (0.4, 0.3))
    author.filled("object")
    one = author.painted()
    author.open(2)
    page.route("**/masks/**", lambda route: held.append(route))
    author.open(1)
    author.role("object")
    author.until(lambda: held)
    before = page.evaluate("() => document.body.dataset.revision")
    author.paint((0.7, 0.7), (0.8, 0.7))
    assert page.evaluate("() => document.body.dataset.revision") == before
    page.unroute("**/masks/**")  # which lets all that were held go on
    page.wait_for_function(f"() => document.body.dataset.revision > {before}")
    two = set(author.painted())
    assert set(one) < two and two - set(one)
    page.reload()
    author.open(1)
    author.role("object")
    author.until(lambda: set(author.painted()) == two)


def test_a_mask_that_does_not_come_is_not_painted_over(open_page):
    author = open_page(complains_of=["ERR_FAILED"])
    page = author.page
    author.open(1)
    author.paint((0.3, 0.3), (0.4, 0.3))
    author.filled("object")
    one = author.painted()
    author.open(2)
    page.route("**/masks/**", lambda route: route.abort())
    author.open(1)
    author.role("object")
    author.paint((0.7, 0.7), (0.8, 0.7))
    page.get_by_text("A mask could not be loaded").wait_for()
    page.unroute("**/masks/**")
    author.paint((0.7, 0.7), (0.8, 0.7))
    author.until(lambda: set(one) < set(author.painted()))
