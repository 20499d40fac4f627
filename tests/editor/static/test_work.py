"""Work is kept: reload, a second tab, a lost connection; rules, sessions and masks as files."""

import base64
import io
import json

import numpy as np
import torch
from PIL import Image
from playwright.sync_api import expect

from palimpsest.generators import load_generator, sample_z
from palimpsest.memory import Edit
from palimpsest.sessions import Session
from tests.editor.static.conftest import ROOT


def test_a_reload_and_a_second_tab_show_the_same_work(author, open_page):
    author.make_rule()
    author.page.reload()
    author.filled("context")
    other = open_page()
    other.filled("context")
    other.open(5)
    other.role("context")
    other.paint((0.5, 0.5), (0.55, 0.5))
    expect(author.page.locator(".tray[data-role=context] .slot")).to_have_count(2)
    author.undo()
    expect(other.page.locator(".tray[data-role=context] .slot")).to_have_count(1)


def test_a_stroke_painted_without_connection_is_sent_when_it_is_back(open_page):
    author = open_page(goto=False)
    page = author.page
    wires = []
    blocked = [False]

    def through(wire):
        if blocked[0]:
            return wire.close()
        wires.append(wire)
        wire.connect_to_server()

    page.route_web_socket("**/changes", through)
    page.goto(author.address)
    author.settle()
    author.open(1)
    blocked[0] = True
    wires[-1].close()
    author.says("connection is lost")
    author.paint((0.3, 0.3), (0.4, 0.4))
    painted = author.painted()
    assert painted
    blocked[0] = False
    author.filled("object")
    author.says("Copied")
    author.until(lambda: author.painted() == painted)


def test_kept_rules_are_switched_weakened_and_removed(author):
    page = author.page
    author.settle()
    first = author.pixels()
    author.make_rule()
    page.locator("#keep").click()
    author.filled("object", False)
    author.settle()
    changed = author.pixels()
    assert changed != first
    page.get_by_role("switch").click()
    author.says("0 of 1 rules on")
    author.until(lambda: author.pixels() == first)
    page.get_by_role("switch").click()
    author.until(lambda: author.pixels() == changed)
    page.locator(".kept [type=range]").fill("0")
    author.until(lambda: author.pixels() == first)
    page.locator(".kept .remove").click()
    expect(page.locator(".kept")).to_have_count(0)


def test_strength_zero_is_no_change_and_settings_are_undone(author):
    page = author.page
    author.settle()
    first = author.pixels()
    author.make_rule()
    page.locator("#strength").fill("0")
    expect(page.locator("output[for=strength]")).to_have_text("0.00")
    author.until(lambda: author.pixels() == first)
    author.undo()
    expect(page.locator("output[for=strength]")).to_have_text("1.00")


def test_a_session_is_saved_and_a_taken_name_asks(author, saved):
    page = author.page
    author.make_rule()

    def save():
        page.keyboard.press("Control+S")
        page.locator("#dialog [name=name]").fill("spire")
        page.locator("#dialog [name=title]").fill("Domes become spires")
        page.locator("#dialog [type=submit]").click()

    save()
    expect(page.locator("#dialog")).to_be_hidden()
    expect(page.locator("#alert")).to_contain_text("spire.json")
    save()
    expect(page.locator("#dialog [role=alert]")).to_contain_text("spire")
    expect(page.locator("#dialog [type=submit]")).to_have_text("Overwrite it")
    page.locator("#dialog [type=submit]").click()
    expect(page.locator("#dialog")).to_be_hidden()
    session = json.loads((saved / "spire.json").read_text())
    assert session["title"] == "Domes become spires"
    assert session["exemplars"][0]["object"]["sample"] == 1
    # and opened again it is the same work
    page.keyboard.press("Control+O")
    page.get_by_role("button", name="Domes become spires saved").click()
    expect(page.locator("#roles [value=result]")).to_be_checked()
    expect(page.locator("#picture-title")).to_have_text("Sample 2")


def test_a_rule_is_called_as_one_likes(author, saved):
    page = author.page
    author.make_rule()
    author.changes(lambda: name_it(page, "Küche: no domes!"))
    expect(page.locator("#name")).to_have_value("Küche: no domes!")
    page.keyboard.press("Control+S")
    expect(page.locator("#dialog [name=name]")).to_have_value("Kuche-no-domes")
    page.locator("#dialog [name=name]").fill("my rule")
    page.locator("#dialog [type=submit]").click()
    expect(page.locator("#alert")).to_contain_text("my-rule.json")
    assert json.loads((saved / "my-rule.json").read_text())["title"] == "Küche: no domes!"


def test_originals_are_shown_by_a_click_until_the_next_and_while_held(author):
    page = author.page
    author.make_rule()
    after = page.locator(".tile .after").first
    expect(page.locator("#shown")).to_be_visible()  # the open picture is the original one
    page.locator("#original").click()
    expect(after).to_have_css("visibility", "hidden")
    page.locator("#original").click()
    expect(after).to_have_css("visibility", "visible")
    page.locator("#original").click(delay=800)  # held, and let go
    expect(after).to_have_css("visibility", "visible")
    page.locator("#original").click()
    author.paint((0.5, 0.5), (0.55, 0.5))  # who paints wants to see it
    expect(after).to_have_css("visibility", "visible")


def test_escape_closes_the_menu_before_the_picture(author):
    page = author.page
    author.open(1)
    page.locator("#mask-menu summary").click()
    page.keyboard.press("Escape")
    expect(page.locator(".menu-list")).to_be_hidden()
    expect(page.locator("#picture")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#picture")).to_be_hidden()


def test_a_mask_is_saved_and_loaded_as_it_was_painted(author, tmp_path):
    page = author.page
    author.open(1)
    author.paint((0.3, 0.3), (0.5, 0.4))
    author.filled("object")
    painted = author.painted()
    page.locator("#mask-menu summary").click()
    with page.expect_download() as coming:
        page.locator("#mask-save").click()
    coming.value.save_as(tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as picture:
        alpha = np.asarray(picture.convert("RGBA"))[:, :, 3]
    assert alpha.shape == (512, 512) and alpha[154, 160] == 255 and alpha[400, 400] == 0
    page.locator("#clear").click()
    author.filled("object", False)
    page.locator("#mask-menu summary").click()
    with page.expect_file_chooser() as chooser:
        page.locator("#mask-load").click()
    chooser.value.set_files(tmp_path / "mask.png")
    author.filled("object")
    author.until(lambda: author.painted() == painted)


def test_a_file_that_is_no_picture_gets_one_sentence(author):
    page = author.page
    author.open(1)
    page.locator("#mask-menu summary").click()
    with page.expect_file_chooser() as chooser:
        page.locator("#mask-load").click()
    chooser.value.set_files(
        {"name": "notes.png", "mimeType": "image/png", "buffer": b"not a picture"}
    )
    expect(page.locator("#alert")).to_contain_text("notes.png is not a picture")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator("#alert")).to_be_hidden()


def test_a_picture_is_saved_as_it_is_seen(author):
    page = author.page
    author.make_rule()
    page.locator("#mask-menu summary").click()
    with page.expect_download() as coming:
        page.locator("#picture-save").click()
    seen = page.evaluate(
        """async sample => {
            const image = document.querySelector(`.tile[data-sample="${sample}"] .after`);
            const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
            return btoa(String.fromCharCode(...bytes));
        }""",
        4,
    )
    saved = coming.value.path().read_bytes()
    assert saved == base64.b64decode(seen)
    assert Image.open(io.BytesIO(saved)).size == (128, 128)


def test_samples_are_chosen_by_number_and_faults_are_said(author):
    page = author.page
    author.settle()
    page.locator("#numbers").fill("0-2, 40,7")
    page.keyboard.press("Enter")
    expect(page.locator(".tile")).to_have_count(5)
    author.settle()
    shown = page.eval_on_selector_all(".tile", "all => all.map(tile => tile.dataset.sample)")
    assert shown == ["0", "1", "2", "40", "7"]
    for text, says in (("3-x", "no range"), ("9-2", "backwards"), ("99999999", "numbered 0 to")):
        page.locator("#numbers").fill(text)
        page.keyboard.press("Enter")
        expect(page.locator("#numbers-fault")).to_contain_text(says)
    page.locator("#all").click()
    expect(page.locator(".tile")).to_have_count(24)


def test_more_samples_come_on_scrolling(author):
    author.settle()
    author.page.locator("#gallery").evaluate("e => e.scrollTo(0, e.scrollHeight)")
    author.page.locator('.tile[data-sample="40"]').wait_for(state="attached")
    author.settle()


def test_the_example_is_one_click_away(author):
    page = author.page
    page.locator("#example").click()
    expect(page.locator("#roles [value=result]")).to_be_checked()
    author.settle()
    author.says(r"^\d+ ms; goal [\d.]+ → [\d.]+; elsewhere [\d.]+ %")
    assert page.locator("#wipe").input_value() == "50"
    assert author.pixels("#after") != author.pixels("#before")
    page.locator("#close").click()
    expect(page.locator("#example")).to_be_hidden()
    expect(page.locator(".steps [data-done]")).to_have_count(3)


def test_matches_are_shown_on_all_pictures_and_sort_them(author):
    page = author.page
    author.make_rule()
    numbers = "all => all.slice(0, 24).map(tile => tile.dataset.sample)"
    before = page.eval_on_selector_all(".tile", numbers)
    page.locator("#matches").click()
    expect(page.locator("#matches")).to_have_attribute("aria-pressed", "true")
    author.settle()
    page.wait_for_function("() => document.querySelector('.tile .heat').naturalWidth")
    assert page.eval_on_selector_all(".tile", numbers) != before
    page.locator("#matches").click()
    assert page.eval_on_selector_all(".tile", numbers) == before


def test_what_is_pasted_moves_by_a_cell(author):
    page = author.page
    author.make_rule()
    page.wait_for_function("() => document.querySelector('.goal img')?.naturalWidth")
    goal = page.locator(".goal img:not(.shade)").get_attribute("src")
    page.get_by_role("button", name="Move what is pasted right").click()
    page.wait_for_function(
        "old => document.querySelector('.goal img')?.getAttribute('src') !== old", arg=goal
    )
    expect(page.get_by_role("button", name="Move what is pasted right")).to_be_focused()
    author.undo()
    page.wait_for_function(
        "old => document.querySelector('.goal img')?.getAttribute('src') === old", arg=goal
    )


def test_what_is_pasted_is_dragged_in_one_step_and_moved_with_the_arrow_keys(author):
    page = author.page
    author.make_rule()
    shown = "() => document.querySelector('.goal img')?.naturalWidth"
    page.wait_for_function(shown)

    def goal() -> str:
        page.wait_for_function(shown)
        return author.pixels(".goal img:not(.shade)")[0]

    first = goal()
    author.paint((0.5, 0.5), (0.5 + 2 / 16, 0.5 + 1 / 16), by=".goal .movable")
    author.until(lambda: goal() != first)
    dragged = goal()
    author.undo()
    author.until(lambda: goal() == first)  # one step, however many cells
    page.locator(".goal .movable").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        author.changes(lambda key=key: page.keyboard.press(key))
    author.until(lambda: goal() == dragged)


def name_it(page, name):
    page.locator("#name").fill(name)
    page.locator("#name").press("Enter")


def test_rules_change_places_and_a_kept_rule_is_painted_on(author):
    page = author.page
    titles = "all => all.map(row => row.firstChild.textContent)"
    for name, pasted in (("first", 2), ("second", 4)):
        author.make_rule(pasted=pasted, context=8)
        author.changes(lambda name=name: name_it(page, name))
        page.locator("#keep").click()
        author.filled("object", False)
    assert page.eval_on_selector_all(".kept .title", titles) == ["first", "second"]
    author.settle()
    before = author.pixels()
    page.get_by_role("button", name="Move up second").click()
    author.until(lambda: page.eval_on_selector_all(".kept .title", titles) == ["second", "first"])
    author.settle()
    assert author.pixels() == before  # edits add up, in any order
    page.get_by_role("button", name="Paint on at first").click()
    author.filled("object")
    expect(page.locator(".kept")).to_have_count(1)
    author.until(lambda: author.pixels() == before)


def test_a_rule_may_have_several_pairs(author):
    page = author.page
    author.make_rule()
    one = author.pixels()
    page.get_by_role("button", name="Add another pair").click()
    expect(page.locator(".pager span")).to_have_text("Pair 2 of 2")
    author.open(9)
    author.paint((0.35, 0.2), (0.35, 0.4))
    author.filled("object")
    author.open(8)
    author.paint((0.52, 0.28), (0.52, 0.44))
    author.filled("paste")
    author.until(lambda: author.pixels() != one)
    page.get_by_role("button", name="Remove this pair").click()
    author.until(lambda: author.pixels() == one)


def test_session_edit_weights_and_sheet_are_downloaded(author, tmp_path):
    page = author.page
    author.settle()
    page.locator("#save").click()
    for name in ("Session", "Edit", "Weights"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_disabled()
    page.keyboard.press("Escape")
    author.make_rule()
    author.open(2)
    author.role("result")
    page.locator("#save").click()
    kept = {}
    for name in ("Session", "Edit", "Weights", "Before and after"):
        with page.expect_download() as coming:
            page.get_by_role("button", name=name, exact=True).click()
        kept[name] = tmp_path / coming.value.suggested_filename
        coming.value.save_as(kept[name])
    session = Session.load(kept["Session"])
    assert session.exemplars[0].paste.sample == 2
    g = load_generator(kept["Weights"])
    church = load_generator(ROOT / "data" / "weights" / "mini" / "church.safetensors")
    edited = Edit.load(kept["Edit"]).apply(church)
    z = sample_z(church, 3)
    assert torch.equal(g(z), edited(z))
    with Image.open(kept["Before and after"]) as sheet:
        assert sheet.size == (8 * 128, 2 * 128)


def test_a_click_paints_the_outline_of_a_labelled_thing(author):
    page = author.page
    author.open(2)
    page.locator("#pick").click()
    author.paint((0.6, 0.32))
    author.open(4)  # without waiting: the outline belongs to the picture that was clicked
    author.filled("object")
    expect(page.locator(".tray[data-role=object] .cut")).to_have_attribute(
        "aria-label", "Copy: sample 2"
    )
    author.open(2)
    author.role("object")
    author.until(lambda: 2000 < len(author.painted()) < 60_000)


def test_a_search_shows_its_progress_and_can_be_stopped(author):
    page = author.page
    author.settle()
    expect(page.locator("#improve")).to_be_disabled()
    page.locator("#example").click()
    expect(page.locator("#roles [value=result]")).to_be_checked()
    author.settle()
    page.locator("#improve").click()
    expect(page.locator("#progress")).to_be_visible()
    expect(page.locator("#improve")).to_be_disabled()
    page.locator("#stop").click()
    expect(page.locator("#progress")).to_be_hidden()
    expect(page.locator("#improve")).to_be_enabled()


def test_the_truncation_is_dragged_in_one_step_and_undone(author):
    page = author.page
    author.settle()
    first = author.pixels()
    page.locator("#truncation").fill("0.5")
    expect(page.locator("output[for=truncation]")).to_have_text("0.50")
    author.settle()
    author.until(lambda: author.pixels() != first)
    author.undo()
    expect(page.locator("output[for=truncation]")).to_have_text("1.00")
    author.until(lambda: author.pixels() == first)
