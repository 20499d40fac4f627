"""The page: whole, self-contained, and with every table and figure as a reader needs them."""

import base64
import re
from html.parser import HTMLParser

import pytest

from palimpsest.errors import PalimpsestError
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.comparison.tables_1_and_2 import Measured, domes_table
from palimpsest.files.panels import Panel
from palimpsest.report.figures import Style, draw_figure
from palimpsest.report.page import render_page
from palimpsest.report.table_view import read_rows, show, view_table

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Document(HTMLParser):
    """Checks that tags close in order; keeps attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == [], f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        self.words.append(data)

    def attributes(self, tag, name):
        return [attrs[name] for t, attrs in self.tags if t == tag and name in attrs]


@pytest.fixture
def page(tmp_path, measurements, pictures):
    tables, figures = tmp_path / "tables", tmp_path / "figures"
    tables.mkdir()
    figures.mkdir()
    edits = ("dome2spire", "dome2tree")
    measured = {("church", edit): Measured(measurements) for edit in edits}
    table = domes_table(measured, Intervals(resamples=50))
    table.loc[table["method"] == "newton", "paper_modified_percent"] = 12.34
    table.to_csv(tables / "table2_domes.csv", index=False)
    (tables / "edits.csv").write_text(
        "session,layer,rank,solver,loss_before,loss_after,bytes\n"
        "add_<people>,6,1,newton,0.5,0.25,2500\nremove_trees,6,10,newton,0.4,0.1,25000\n"
    )
    facts = {"session": "remove_window", "rank": 1, "layer": 6, "solver": "newton", "n": 60}
    facts |= {"seed": 3, "scale": "smoke", "weights_sha256": "feed" * 16}
    panel = Panel({"before": pictures, "after": pictures}, facts)
    draw_figure("fig09_windows", panel, Style(dpi=60), figures / "fig09_windows.png")
    html = render_page(
        [tables / "table2_domes.csv", tables / "edits.csv"],
        [figures / "fig09_windows.png"],
        tmp_path / "report.html",
    )
    return html, Document(html), tmp_path


def test_page_needs_nothing_but_itself(page):
    html, document, _ = page
    assert "http:" not in html and "https:" not in html
    assert "<script" not in html and "<link" not in html and "@import" not in html
    assert all(
        source.startswith("data:image/png;base64,") for source in document.attributes("img", "src")
    )
    assert re.findall(r"url\(", html) == []


def test_every_table_and_figure_is_there(page):
    _, document, folder = page
    assert {"table2_domes", "edits", "fig09_windows"} <= set(document.attributes("section", "id"))
    links = document.attributes("a", "href")
    for link in ("tables/table2_domes.csv", "tables/edits.csv", "figures/fig09_windows.png"):
        assert link in links and (folder / link).is_file()
    for link in links:
        if link.startswith("#"):
            assert link[1:] in document.attributes("section", "id")
    picture = base64.b64decode(document.attributes("img", "src")[0].partition(",")[2])
    assert picture == (folder / "figures/fig09_windows.png").read_bytes()
    text = " ".join(document.words)
    assert (folder / "figures/fig09_windows.txt").read_text().strip() in text
    assert all(alt for alt in document.attributes("img", "alt"))


def test_estimates_stand_with_interval_and_paper(page):
    _, document, _ = page
    text = " ".join(" ".join(document.words).split())
    assert "40.3" in text  # 150 of 372 pixels
    assert "paper: 12.3" in text and "paper: –" in text
    assert re.search(r"33\.3 6\.1 to 79\.2", text)  # Wilson, 1 of 3
    assert "25.0 kB" in text and "add_<people>" in text
    assert "Not measured: rated more realistic (%)" in text


def test_provenance_is_told(page):
    _, document, _ = page
    text = " ".join(document.words)
    for said in ("feed" * 16, "smoke", "church-segmenter-encoder", "torch ", "Python 3."):
        assert said in text


def test_page_is_the_same_every_time(page):
    html, _, folder = page
    again = render_page(
        [folder / "tables/table2_domes.csv", folder / "tables/edits.csv"],
        [folder / "figures/fig09_windows.png"],
        folder / "report.html",
    )
    assert again == html


def test_claims_come_first_and_lead_to_their_numbers(page):
    html, document, _ = page
    sections = document.attributes("section", "id")
    assert sections[0] == "claims"
    text = " ".join(" ".join(document.words).split())
    claims = text.partition("What the paper claims, and")[2].partition("How this is judged")[0]
    # the paper's method is not among the made-up rows; of palimpsest 290 of 372 pixels turned
    assert "Dome → spire, the paper’s method: not measured." in claims
    assert "palimpsest (this project’s): dome pixels turned target 78.0 %" in claims
    assert re.search(
        r"Not measured in this run: Where images change, .*A rank-one rule leaves fewer watermarks",
        claims,
    )
    assert html.index('<a href="#table2_domes">Table 2</a>') < html.index('id="part-')


def test_random_stand_ins_bear_no_claim(page):
    _, before, folder = page
    assert "stand-ins" not in " ".join(before.words)
    table = folder / "tables" / "table2_domes.csv"
    table.write_text(table.read_text().replace("smoke", "stand_ins"))
    document = Document(render_page([table], [], folder / "report.html"))
    assert "Made of random stand-ins" in " ".join(document.words)
    assert document.attributes("section", "id") == ["part-replacing", "table2_domes"]
    assert "#claims" not in document.attributes("a", "href")


def test_what_there_is_follows_the_papers_order(page):
    _, document, _ = page
    assert document.attributes("section", "id") == [
        "claims",
        *("part-replacing", "table2_domes"),
        *("part-rules", "fig09_windows"),
        *("part-beyond", "edits"),
    ]
    contents = [link for link in document.attributes("a", "href") if link.startswith("#part-")]
    assert contents == ["#part-replacing", "#part-rules", "#part-beyond"]


def test_a_run_without_photographs_says_how_to_get_them(tmp_path):
    for name in ("photographs", "renders", "edits"):
        (tmp_path / f"{name}.csv").write_text("picture,n\nadapted,6\nbest_w,6\n")
    tables = [tmp_path / "edits.csv", tmp_path / "renders.csv"]
    without = render_page(tables, [], tmp_path / "report.html")
    assert "This run had no photographs" in without and "make photographs" in without
    whole = render_page([*tables, tmp_path / "photographs.csv"], [], tmp_path / "report.html")
    assert "This run had no photographs" not in whole
    # a run of other things has no section of photographs, and no word about it
    assert "This run had" not in render_page(tables[:1], [], tmp_path / "report.html")


def test_page_is_made_for_phones_and_for_the_dark(page):
    html, document, _ = page
    assert "width=device-width" in str(document.attributes("meta", "content"))
    assert "prefers-color-scheme: dark" in html and "max-width: 100%" in html


def test_what_is_no_result_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n")
    with pytest.raises(PalimpsestError, match="t.csv: holds no rows"):
        render_page([tmp_path / "t.csv"], [], tmp_path / "r.html")
    (tmp_path / "f.png").write_text("no picture")
    with pytest.raises(PalimpsestError, match="f.png: is not a picture"):
        render_page([], [tmp_path / "f.png"], tmp_path / "r.html")
    with pytest.raises(FileNotFoundError):
        render_page([tmp_path / "none.csv"], [], tmp_path / "r.html")


def test_columns_fold_for_the_eye(tmp_path):
    (tmp_path / "t.csv").write_text(
        "method,share_percent,share_percent_low,share_percent_high,paper_share_percent,n,empty\n"
        "newton,50.04,40,60.06,,7,\nother,10,5,20,33.333,7,\n"
    )
    view = view_table("t", read_rows(tmp_path / "t.csv"))
    assert [c.heading for c in view.columns] == ["method", "share (%)"]
    first, second = (row[1] for row in view.rows)
    assert (first.value, first.interval, first.paper) == ("50.0", "40.0 to 60.1", "–")
    assert (second.value, second.paper) == ("10.0", "33.3")
    assert view.note == "Same in all rows: n: 7. Not measured: empty."


def test_edits_of_one_name_are_told_apart_by_their_models(tmp_path):
    rows = [f"{model},spire2tree,{method}" for model in ("a", "b") for method in ("new", "old")]
    (tmp_path / "t.csv").write_text("\n".join(["model,edit,method", *rows, "b,sky2tree,new"]))
    view = view_table("t", read_rows(tmp_path / "t.csv"))
    assert [name for name, _ in view.groups] == ["spire2tree, a", "spire2tree, b", "sky2tree, b"]
    assert [column.heading for column in view.columns] == ["method"]
    (tmp_path / "t.csv").write_text("\n".join(["model,edit,method", *rows[:2], "a,sky2tree,new"]))
    view = view_table("t", read_rows(tmp_path / "t.csv"))
    assert [name for name, _ in view.groups] == ["spire2tree", "sky2tree"]
    assert view.note == "Same in all rows: model: a."


def test_figures_of_the_paper_are_shown_beside_ours_that_are_all_the_same(tmp_path):
    (tmp_path / "t.csv").write_text(
        "method,share_percent,paper_share_percent,realism_percent,paper_realism_percent\n"
        "newton,100,,,\nother,100,84.37,,8.7\n"
    )
    view = view_table("t", read_rows(tmp_path / "t.csv"))
    assert [(c.heading, c.compares) for c in view.columns[1:]] == [
        ("share (%)", True),
        ("rated more realistic (%)", True),
    ]
    assert [(cell.value, cell.paper) for cell in view.rows[1][1:]] == [
        ("100.0", "84.4"),
        ("–", "8.7"),
    ]
    assert view.note == ""


@pytest.mark.parametrize(
    ("column", "text", "shown"),
    [
        ("modified_percent", "96.6666", "96.7"),
        ("perceptual_masked", "0.01234567", "0.0123"),
        ("loss_after", "0.31415", "0.314"),
        ("seconds", "123.4", "123"),
        ("n", "10000", "10,000"),
        ("bytes", "1234567", "1.2 MB"),
        ("change_elsewhere", "1.5e-05", "1.5e-05"),
        ("method", "finetune_all", "all weights fine-tuned"),
        ("anything", "", "–"),
        ("loss_after", "nan", "–"),
    ],
)
def test_numbers_for_readers(column, text, shown):
    assert show(column, text) == shown


def test_a_first_look_says_that_it_is_coarse(page):
    html, _, folder = page
    assert "make quick" not in html
    table = folder / "tables" / "table2_domes.csv"
    table.write_text(table.read_text().replace("smoke", "quick"))
    document = Document(render_page([table], [], folder / "report.html"))
    text = " ".join(" ".join(document.words).split())
    assert "made by “make quick” from few images" in text and "make figures" in text
