"""One's own picture in the browser: dropped, seen on its way, a sample like others, given up."""

import base64
import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.pictures import as_picture
from palimpsest.photographs.own_photograph import Studio
from palimpsest.photographs.settings import AdaptationSettings, InversionSettings
from tests.editor.static.conftest import ROOT, Running

WEIGHTS = ROOT / "data" / "weights" / "mini"
QUICK = AdaptationSettings(steps=12, kept=2, pieces=2)
ENDLESS = AdaptationSettings(steps=100_000, kept=2, pieces=2)

DROP = """async ([content, name, type]) => {
    const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
    const carried = new DataTransfer();
    carried.items.add(new File([bytes], name, { type }));
    for (const kind of ['dragover', 'drop']) document.querySelector('#tiles').dispatchEvent(
        new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def adaptation():
    return QUICK


@pytest.fixture
def server(tmp_path, monkeypatch, adaptation):
    """An editor of faces, whose inversions take a second."""
    from palimpsest.editor.workplace import ModelPlace

    inversion = InversionSettings(candidates=16, starts=1, z_steps=4, w_steps=6)
    real = Studio.of.__func__

    def of(cls, *files):
        return real(cls, *files, inversion=inversion, adaptation=adaptation)

    monkeypatch.setattr(Studio, "of", classmethod(of))
    faces = ModelPlace(
        weights=WEIGHTS / "photo_faces.safetensors",
        segmenter=WEIGHTS / "photo_faces-parts.safetensors",
        encoder=WEIGHTS / "photo_faces-encoder.safetensors",
        framing=WEIGHTS / "photo_faces-framing.safetensors",
        sessions=tmp_path / "sessions",
        statistics_folder=tmp_path / "statistics",
        statistics_samples=100,
        layer=5,
    )
    running = Running(tmp_path, {"photo_faces": faces})
    yield running
    running.close()


@pytest.fixture(scope="module")
def face() -> bytes:
    """A sample of the generator, in a corner of a larger picture."""
    g = load_generator(WEIGHTS / "photo_faces.safetensors")
    canvas = Image.new("RGB", (200, 160), (90, 90, 90))
    canvas.paste(Image.fromarray(as_picture(g(sample_z(g, 41)[40:]))[0]), (110, 40))
    content = io.BytesIO()
    canvas.save(content, "JPEG")
    return content.getvalue()


def drop(author, content: bytes, name: str = "me.jpg", kind: str = "image/jpeg") -> None:
    author.page.evaluate(DROP, [base64.b64encode(content).decode(), name, kind])


PHOTOGRAPH = ".tile[data-photograph]"


def test_a_dropped_picture_becomes_the_first_sample_and_follows_the_rules(author, face):
    page = author.page
    author.settle()
    drop(author, face)
    expect(page.locator("#progress")).to_contain_text("me.jpg")
    expect(page.locator(PHOTOGRAPH)).to_have_count(1)
    expect(page.locator("#alert")).to_contain_text("me.jpg is now the first of the samples")
    assert page.locator(".tile").first.get_attribute("aria-label") == "Photograph me.jpg"
    author.settle()
    before = author.pixels(f"{PHOTOGRAPH} .after")
    author.make_rule()
    author.until(lambda: author.pixels(f"{PHOTOGRAPH} .after") != before)
    page.locator(PHOTOGRAPH).click()
    expect(page.locator("#picture-title")).to_have_text("me.jpg")
    expect(page.locator("#roles [value=result]")).to_be_checked()
    expect(page.locator("#roles [value=object]")).to_be_disabled()
    expect(page.locator("#photograph")).to_contain_text("not painted on")
    page.keyboard.press("1")
    expect(page.locator("#roles [value=result]")).to_be_checked()
    with page.expect_download() as coming:
        page.locator("#photograph-save").click()
    assert coming.value.suggested_filename == "me-edited.png"
    assert Image.open(coming.value.path()).size == (64, 64)
    page.keyboard.press(".")
    expect(page.locator("#picture-title")).to_have_text("Sample 0")
    page.keyboard.press(",")
    expect(page.locator("#picture-title")).to_have_text("me.jpg")


def test_it_is_there_after_a_reload_and_is_removed_and_brought_back(author, face):
    page = author.page
    author.settle()
    drop(author, face)
    expect(page.locator(PHOTOGRAPH)).to_have_count(1)
    page.reload()
    author.settle()
    seen = author.pixels(f"{PHOTOGRAPH} .after")
    page.locator(PHOTOGRAPH).click()
    page.locator("#photograph-remove").click()
    expect(page.locator(PHOTOGRAPH)).to_have_count(0)
    expect(page.locator("#picture")).to_be_hidden()
    author.undo()
    expect(page.locator(PHOTOGRAPH)).to_have_count(1)
    author.until(lambda: author.pixels(f"{PHOTOGRAPH} .after") == seen)


@pytest.mark.parametrize("adaptation", [ENDLESS])
def test_it_is_stopped_and_another_one_has_to_wait(author, face):
    page = author.page
    author.settle()
    drop(author, face)
    expect(page.locator("#progress")).to_contain_text("me.jpg: adapting the weights")
    drop(author, face, "you.jpg")
    expect(page.locator("#alert")).to_contain_text("me.jpg is being put in; wait")
    page.locator("#stop").click()
    expect(page.locator("#progress")).to_be_hidden()
    expect(page.locator(PHOTOGRAPH)).to_have_count(0)


@pytest.mark.parametrize("size", [(390, 844), (1440, 900)])
def test_axe_finds_nothing_serious_beside_a_photograph(open_page, face, size):
    author = open_page(viewport=size, bypass_csp=True)
    author.page.emulate_media(reduced_motion="reduce")
    author.settle()
    drop(author, face)
    author.page.locator(PHOTOGRAPH).click()
    expect(author.page.locator("#photograph")).to_be_visible()
    assert author.serious_faults() == []


def test_what_is_no_picture_gets_one_sentence(author):
    page = author.page
    author.settle()
    drop(author, b"not a picture", "notes.png", "image/png")
    expect(page.locator("#alert")).to_contain_text("notes.png: not a picture in a known format")
    expect(page.locator("#progress")).to_be_hidden()


def test_a_picture_is_chosen_in_open_and_a_higher_rule_asks_to_adapt_again(author, face):
    page = author.page
    author.settle()
    page.locator("#open").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="From a file").click()
    chooser.value.set_files({"name": "me.jpg", "mimeType": "image/jpeg", "buffer": face})
    expect(page.locator(PHOTOGRAPH)).to_have_count(1)
    author.make_rule()
    page.locator("#layer").select_option("8")
    expect(page.locator(f"{PHOTOGRAPH}[data-unfit]")).to_have_count(1)
    page.locator(PHOTOGRAPH).click()
    expect(page.locator("#photograph-unfit")).to_contain_text("a layer above 6")
    page.locator("#photograph-adapt").click()
    expect(page.locator(f"{PHOTOGRAPH}[data-unfit]")).to_have_count(0)
    author.settle()
