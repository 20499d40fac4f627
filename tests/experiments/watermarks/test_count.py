"""Watermarks counted by people: the key, the page in a browser, and the columns of Table 3."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.watermarks.count import (
    Count,
    ShownImage,
    deal_images,
    people_columns,
    read_count_key,
    read_marks_of_people,
    write_count_key,
)
from palimpsest.experiments.watermarks.count_page import make_count, render_count

CHROMIUM = Path("/usr/bin/chromium")
HEAD = "count,image,middle,bottom,rater\n"
COUNT = Count(
    "feed",
    3,
    tuple(ShownImage(f"i{n}", "rank_one" if n > 4 else "unmodified", n) for n in range(1, 9)),
)
"""Four images of each of two methods."""


@pytest.mark.parametrize(("samples", "images"), [(6, 6), (6, 18), (5, 11), (4, 12)])
def test_methods_are_dealt_alike_and_no_image_comes_twice(samples, images):
    methods = ["unmodified", "rank_one", "zero_30_units"]
    shown = deal_images(methods, samples=samples, images=images, seed=4)
    assert shown == deal_images(methods, samples=samples, images=images, seed=4)
    assert len({one.id for one in shown}) == images
    assert len({(one.method, one.sample) for one in shown}) == images
    counts = Counter(one.method for one in shown).values()
    assert max(counts) - min(counts) <= 1
    if images == samples:
        assert len({one.sample for one in shown}) == samples


def test_impossible_counts_are_refused():
    for wrong in ({"images": 0}, {"images": 13}):
        with pytest.raises(ParameterError, match="give 1 to 12"):
            deal_images(["a", "b"], samples=6, seed=0, **wrong)
    with pytest.raises(ParameterError, match="each once"):
        deal_images(["a", "a"], samples=6, images=2, seed=0)


def files_of(folder, ann, bob):
    """Files of two raters; ``ann``, ``bob``: numbers of images with letters in the middle."""
    for name, seen in (("Ann", ann), ("Bob", bob)):
        rows = [f"feed,i{n},{str(n in seen).lower()},false,{name}\n" for n in range(1, 9)]
        (folder / f"{name}.csv").write_text(HEAD + "".join(rows))
    return [folder / "Ann.csv", folder / "Bob.csv"]


def test_two_raters_become_counts_and_agreement(tmp_path):
    write_count_key(COUNT, tmp_path / "key.csv")
    assert read_count_key(tmp_path / "key.csv") == COUNT
    marks = read_marks_of_people(files_of(tmp_path, {1, 2, 3}, {1, 2, 5}), COUNT)
    before = people_columns(COUNT, marks, "unmodified", 1000, Intervals(resamples=200))
    after = people_columns(COUNT, marks, "rank_one", 1000, Intervals(resamples=200))
    # two of four by both, a third by one
    assert before["middle_people_count"] == pytest.approx(625)
    assert after["middle_people_count"] == pytest.approx(125)
    assert before["bottom_people_count"] == 0
    assert before["middle_people_count_low"] < 625 < before["middle_people_count_high"]
    assert before["people_images"] == 4 and before["raters"] == 2
    # 6 of 8 agree; both say yes to 3 of 8: chance 34/64
    kappa = (6 / 8 - 34 / 64) / (1 - 34 / 64)
    assert before["middle_kappa"] == after["middle_kappa"] == pytest.approx(kappa)
    assert before["middle_kappa_low"] < kappa < before["middle_kappa_high"]
    assert np.isnan(before["bottom_kappa"])  # nobody saw any: there is nothing to agree on


def test_without_raters_nothing_is_invented():
    nobody = people_columns(COUNT, read_marks_of_people([], COUNT), "rank_one", 1000, Intervals())
    assert nobody.pop("people_images") == nobody.pop("raters") == 0
    assert all(np.isnan(value) for value in nobody.values())


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("dead,i1,true,false,Ann", "row 2: is of count 'dead'"),
        ("feed,i99,true,false,Ann", "row 2: image 'i99' is not in the key"),
        ("feed,i1,true,false,Ann\nfeed,i1,true,false, ann", "row 3: 'Ann' marked image 'i1'"),
        ("feed,i1,maybe,false,Ann", "row 2: middle is 'maybe'"),
        ("feed,i1,true,false,", "row 2: rater is blank"),
    ],
)
def test_wrong_files_are_named_with_their_row(row, told, tmp_path):
    (tmp_path / "ann.csv").write_text(f"{HEAD}{row}\n")
    with pytest.raises(PalimpsestError, match=re.escape(told)):
        read_marks_of_people([tmp_path / "ann.csv"], COUNT)


def page_of(images=5, sheet=2):
    random = np.random.default_rng(3)
    shown = deal_images(["unmodified", "rank_one"], samples=images, images=images, seed=0)
    pictures = list(random.integers(0, 256, (images, 16, 16, 3), dtype=np.uint8))
    count, content = make_count(shown, pictures, seed=3, sheet=sheet)
    return count, render_count(content)


def test_the_page_names_no_method_and_fetches_nothing():
    count, html = page_of()
    text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", html)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|fetch\(|<link|src=\"", text)
    assert "default-src 'none'" in text and count.id in text
    assert not [word for word in ("unmodified", "rank", "sample", "edit") if word in text.lower()]
    listed = json.loads(re.search(r"const IMAGES = (\[.*?\]);  //", text).group(1))
    assert [name for name, _ in listed] == [one.id for one in count.images]
    assert page_of()[1] == html and page_of(images=4)[0].id != count.id
    with pytest.raises(ParameterError, match="as many"):
        make_count(count.images, [], seed=3)


def test_marks_made_in_a_browser_read_back(tmp_path):
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: the page was not tried in a browser")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing")
    count, html = page_of()
    (tmp_path / "count.html").write_text(html)
    names = [one.id for one in count.images]
    faults = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_context().new_page()
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda fault: faults.append(fault))

        def begin():
            page.goto((tmp_path / "count.html").as_uri())
            if not page.input_value("#rater"):
                page.fill("#rater", 'Zoë "Z", Neil')
            page.press("#rater", "Enter")

        def mark(name, where):
            page.click(f'[data-image="{name}"]:text-is("{where}")')

        begin()
        page.wait_for_selector('#place:text-is("sheet 1 of 3")')
        mark(names[0], "middle")
        mark(names[1], "bottom")
        mark(names[1], "middle")
        mark(names[1], "middle")  # a second click takes it back
        page.press("#next", "Enter")
        page.wait_for_selector('#place:text-is("sheet 2 of 3")')
        begin()  # closed and opened again: it goes on where it was
        page.wait_for_selector('#place:text-is("sheet 2 of 3")')
        page.click("#next")
        mark(names[4], "middle")
        page.click("#next")
        page.wait_for_selector("#done:not([hidden])")
        with page.expect_download() as download:
            page.click("#done .save")
        download.value.save_as(tmp_path / "zoe.csv")
        page.click("#again")  # to look at an earlier sheet does not take back later ones
        page.click("#back")
        page.wait_for_selector('#place:text-is("sheet 2 of 3")')
        begin()
        page.wait_for_selector('#place:text-is("sheet 2 of 3")')
        with page.expect_download() as download:
            page.click("#counting .save")
        page.wait_for_selector('#counting .said:text-matches("Saved 5 of 5 images as .*csv")')
        download.value.save_as(tmp_path / "zoe-back.csv")
        browser.close()
    assert (tmp_path / "zoe-back.csv").read_text() == (tmp_path / "zoe.csv").read_text()
    marks = read_marks_of_people([tmp_path / "zoe.csv"], count)
    assert marks.raters == ('Zoë "Z", Neil',) and not faults
    assert marks.seen[:, 0].tolist() == [[1, 0], [0, 1], [0, 0], [0, 0], [1, 0]]
