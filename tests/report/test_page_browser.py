"""The page in a browser, without a network, on a phone and on a desk: nothing is cut or missing."""

import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

from palimpsest.report.page import render_page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")

SIZES = {"phone": (360, 740), "desk": (1280, 900)}
LEAST_TEXT = 11
"""Pixels that the smallest text may be."""

SHA = "0123456789abcdef" * 4

BROKEN_TEXT = """least => [...document.querySelectorAll('body *')].filter(e =>
    [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) &&
    parseFloat(getComputedStyle(e).fontSize) < least).map(e => e.outerHTML.slice(0, 90))"""


def write_results(folder):
    """Tables that are wide, long and full of long words; pictures wider and smaller than a page."""
    tables, figures = folder / "tables", folder / "figures"
    tables.mkdir()
    figures.mkdir()
    measures = ("smiling_percent", "labels_kept_percent", "perceptual_masked")
    measures += ("counterfactual_error", "frechet_new_rule")
    columns = [name + end for name in measures for end in ("", "_low", "_high")]
    head = f"method,{','.join(columns)},paper_smiling_percent,weights,n,scale"
    methods = ("projected_gradient", "nbb_laplace", "finetune_all", "unmodified", "palimpsest")
    rows = []
    for m, method in enumerate(methods):
        figures_of = (f"{10 * m + 0.123 * c}" for c in range(len(columns)))
        rows.append(f"{method},{','.join(figures_of)},50,{SHA}{m},60,smoke")
    (tables / "table1_smile.csv").write_text("\n".join([head, *rows]))
    grades = [f"church,{'very_' * 12}long_{i}_percent,{i},{i - 1},{i + 1}" for i in range(45)]
    head = "model,figure,generator,generator_low,generator_high"
    (tables / "generator_grades.csv").write_text("\n".join([head, *grades]))
    (tables / "mine.csv").write_text("a,b\n1,2\n")
    for name, size in (("fig04_comparison", (2000, 300)), ("own_picture", (120, 60))):
        Image.new("RGB", size, "#7799bb").save(figures / f"{name}.png")
        (figures / f"{name}.txt").write_text(f"What one sees. Model {SHA}{SHA}.\n")
    page = folder / "report.html"
    found = sorted(tables.glob("*.csv")), sorted(figures.glob("*.png"))
    page.write_text(render_page(*found, page), encoding="utf-8")
    return page


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return write_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(params=SIZES)
def opened(request, browser, report):
    """The page, opened; it must ask for nothing outside itself and complain of nothing."""
    width, height = SIZES[request.param]
    context = browser.new_context(viewport={"width": width, "height": height})
    context.set_offline(True)
    page = context.new_page()
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else 0)
    page.on("pageerror", lambda problem: complaints.append(str(problem)))
    page.goto(report.as_uri(), wait_until="load")
    yield page
    outside = [url for url in asked if urlsplit(url).scheme not in ("file", "data")]
    context.close()
    assert outside == [] and complaints == []


def test_the_page_never_scrolls_sideways(opened):
    overflow = "document.documentElement.scrollWidth - innerWidth"
    assert opened.evaluate(overflow) <= 0
    for folded in opened.locator("summary").all():
        folded.click()
    assert opened.evaluate(overflow) <= 0
    # the wide table scrolls in its own region instead
    region = opened.locator("#table1_smile .scroll")
    wider, inside = region.evaluate("e => [e.scrollWidth - e.clientWidth, e.clientWidth]")
    assert inside <= opened.viewport_size["width"] and wider > 0


def test_every_picture_is_there_and_fits(opened):
    pictures = opened.locator("figure img").all()
    assert len(pictures) == 2
    for picture in pictures:
        picture.evaluate("e => e.decode()")
        natural, shown = picture.evaluate("e => [e.naturalWidth, e.getBoundingClientRect().width]")
        assert natural in (2000, 120)
        assert 0 < shown <= min(natural, opened.viewport_size["width"])
        if natural == 2000:  # as wide as there is room, so that it can be read
            assert shown > 0.7 * opened.viewport_size["width"]


def test_every_table_stands_under_a_visible_heading(opened):
    tables = opened.locator("table")
    assert tables.count() == 3
    for table in tables.all():
        section = table.locator("xpath=ancestor::section[1]")
        heading = section.locator("h3")
        assert heading.count() == 1 and heading.is_visible() and heading.inner_text().strip()
        region = section.get_by_role("region", include_hidden=True)
        assert region.get_attribute("aria-label") == heading.inner_text()


def test_text_can_be_read(opened):
    for folded in opened.locator("summary").all():
        folded.click()
    assert opened.evaluate(BROKEN_TEXT, LEAST_TEXT) == []


def test_links_lead_somewhere(opened):
    links = opened.eval_on_selector_all("a", "all => all.map(a => a.href)")
    assert len(links) > 10
    for link in links:
        parsed = urlsplit(link)
        assert parsed.scheme == "file" and Path(unquote(parsed.path)).is_file(), link
        if parsed.fragment:
            assert opened.locator(f"[id='{parsed.fragment}']").count() == 1, link


def test_the_contents_lead_to_sections_and_stay_at_hand(opened):
    contents = opened.get_by_role("navigation")
    last = contents.locator("a[href^='#part-']").last
    last.click()
    target = opened.locator(last.get_attribute("href"))
    playwright.expect(target).to_be_in_viewport()
    if opened.viewport_size["width"] >= 1024:
        playwright.expect(last).to_be_in_viewport()


def test_a_picture_opens_at_its_full_size(opened):
    opened.locator("#fig04_comparison figure a").click()
    opened.wait_for_url("**/figures/fig04_comparison.png")
    assert opened.locator("img").evaluate("e => e.naturalWidth") == 2000
