"""The page of a run that goes on: what is there is shown, what is not says so, the end leads on."""

import shutil

import pytest
from PIL import Image

from palimpsest.report.progress_page import begin, finish, render_progress

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


@pytest.fixture
def results(tmp_path):
    """A run's folder before its first job: where tables and figures will be."""
    (tmp_path / "figures").mkdir()
    return tmp_path


def files(results):
    tables = [results / "tables" / "table2_domes.csv"]
    figures = [results / "figures" / f"{name}.png" for name in ("fig03_session", "fig01_rules")]
    return tables, figures


def test_every_awaited_file_is_named_in_the_order_of_the_report(results):
    html = render_progress(*files(results), results / "progress.html")
    places = [
        html.index(f'"{link}"')
        for link in (
            "figures/fig03_session.png",
            "tables/table2_domes.csv",
            "figures/fig01_rules.png",
        )
    ]
    assert places == sorted(places)


def test_the_end_leads_to_the_report(results):
    page, report = results / "progress.html", results / "report.html"
    begin(*files(results), page)
    report.write_text("<p>all there</p>")
    finish(report, page)
    assert 'url=report.html"' in page.read_text()


def test_a_run_that_made_no_report_leaves_no_page(results):
    page = results / "progress.html"
    begin(*files(results), page)
    finish(results / "report.html", page)
    assert not page.exists()


def test_a_page_that_cannot_be_written_does_not_hinder_the_run(results):
    (results / "taken").write_text("a file where the folder would be")
    page = results / "taken" / "progress.html"
    assert not begin(*files(results), page)
    (results / "report.html").write_text("<p>all there</p>")
    finish(results / "report.html", page)
    assert not page.exists()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
def test_an_open_page_shows_each_figure_once_it_is_made(results):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    page, report = results / "progress.html", results / "report.html"
    tables, (first, second) = files(results)
    begin(tables, [first, second], page)
    patience = {"timeout": 60_000}
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            shown = browser.new_page()
            shown.goto(page.as_uri())
            waiting = shown.locator(".waiting:visible")
            playwright.expect(waiting).to_have_count(2, **patience)
            Image.new("RGB", (90, 60), "#7799bb").save(first)
            playwright.expect(shown.locator("#count")).to_have_text(
                "1 of 2 figures are there.", **patience
            )
            playwright.expect(waiting).to_have_count(1)
            playwright.expect(shown.locator("#fig03_session img")).to_be_visible()
            Image.new("RGB", (90, 60), "#7799bb").save(second)
            report.write_text("<h1>all there</h1>")
            finish(report, page)
            playwright.expect(shown.locator("h1")).to_have_text("all there", **patience)
        finally:
            browser.close()
