"""The page of the realism study: it gives nothing away, and answers given on it read back."""

import base64
import json
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from palimpsest.errors import ParameterError
from palimpsest.experiments.comparison.measure import RewrittenGenerator, load_method
from palimpsest.experiments.realism.study import (
    read_answers,
    realism_table,
)
from palimpsest.experiments.realism.study_page import (
    Shot,
    make_study,
    pick,
    render_study,
    take_shots,
)
from palimpsest.generators import sample_z
from palimpsest.generators.pictures import as_picture

CHROMIUM = Path("/usr/bin/chromium")


def shots(methods=("newton", "finetune_all"), each=10):
    random = np.random.default_rng(5)
    numbers = iter(random.permutation(1000).tolist())
    return {
        name: [
            Shot(next(numbers), *random.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8))
            for _ in range(each)
        ]
        for name in methods
    }


def page_of(taken, against="unmodified", order_seed=0):
    study, content = make_study(taken, against=against, seed=3, order_seed=order_seed)
    return study, render_study(content)


def pictures_in(html):
    listed = json.loads(re.search(r"const PAIRS = (\[.*?\]);", html).group(1))
    return {
        name: [base64.b64decode(url.removeprefix("data:image/png;base64,")) for url in urls]
        for name, *urls in listed
    }


def chunks_of(png):
    kinds, place = [], 8
    while place < len(png):
        kinds.append(png[place + 4 : place + 8])
        place += 12 + int.from_bytes(png[place : place + 4], "big")
    return kinds


@pytest.mark.parametrize("against", ["unmodified", "projected_gradient"])
def test_page_fetches_nothing_and_tells_nothing(against):
    study, html = page_of(shots(("newton", "finetune_all", "palimpsest")), against)
    text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", html)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|fetch\(|XMLHttp|<link|src=\"", text)
    assert "default-src 'none'" in text and study.id in text
    # beside its fixed text the page holds ids and pictures
    data = json.loads(re.search(r"const PAIRS = (\[.*?\]);  //", text).group(1))
    assert data == [[pair.id, *["data:image/png;"] * 2] for pair in study.pairs]
    told = ("newton", "finetune", "palimpsest", "unmodified", "projected", "edited", "key.csv")
    assert not [word for word in told if word in text.lower()]
    assert ("untouched" in text) == (against == "unmodified")


def test_pictures_are_bare_and_none_comes_twice():
    taken = shots()
    study, html = page_of(taken)
    shown = pictures_in(html)
    assert list(shown) == [pair.id for pair in study.pairs]
    every = [png for sides in shown.values() for png in sides]
    assert len(set(every)) == len(every) == 40
    assert {tuple(chunks_of(png)) for png in every} == {(b"IHDR", b"IDAT", b"IEND")}


def test_the_key_tells_the_sides_that_are_shown():
    taken = shots()
    study, html = page_of(taken)
    shown = pictures_in(html)
    by_sample = {shot.sample: shot for of in taken.values() for shot in of}
    for pair in study.pairs:
        left, right = (np.asarray(Image.open(BytesIO(png))) for png in shown[pair.id])
        edited, other = (left, right) if pair.left_is_edited else (right, left)
        assert (edited == by_sample[pair.sample].edited).all()
        assert (other == by_sample[pair.sample].other).all()


def test_a_study_is_known_by_what_it_shows():
    (study, html), (again, same) = page_of(shots()), page_of(shots())
    assert study == again and html == same
    assert page_of(shots(), order_seed=1)[0].id != study.id
    assert page_of(shots(each=9))[0].id != study.id


# from a generator


@pytest.fixture(scope="module")
def methods(generator, sources):
    """An edit of layer 6, and other weights of the same layer."""
    weight = generator.layer(6).weight
    noise = torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
    tuned = RewrittenGenerator("single_layer", generator.with_weight(6, weight + 0.5 * noise), 6)
    return [load_method("newton", sources.edits["first"], generator), tuned]


def test_shots_are_what_the_generators_make(generator, methods):
    z = sample_z(generator, 20, seed=4)
    taken = take_shots(generator, methods, None, pairs=3, z=z, order_seed=1, batch=2)
    assert {name: len(of) for name, of in taken.items()} == {"newton": 3, "single_layer": 3}
    assert len({shot.sample for of in taken.values() for shot in of}) == 6
    for method in methods:
        numbers = [shot.sample for shot in taken[method.name]]
        edited, other = as_picture(method.generator(z[numbers])), as_picture(generator(z[numbers]))
        for shot, after, before in zip(taken[method.name], edited, other, strict=True):
            assert abs(shot.edited.astype(int) - after).max() <= 1
            assert abs(shot.other.astype(int) - before).max() <= 1
            assert (shot.edited != shot.other).any()


def test_methods_are_compared_with_another_where_that_is_asked(generator, methods):
    judged, against = pick(methods, "newton")
    assert [method.name for method in judged] == ["single_layer"] and against is methods[0]
    z = sample_z(generator, 8, seed=4)
    taken = take_shots(generator, judged, against, pairs=2, z=z, order_seed=1)
    numbers = [shot.sample for shot in taken["single_layer"]]
    for shot, picture in zip(
        taken["single_layer"], as_picture(against.generator(z[numbers])), strict=True
    ):
        assert abs(shot.other.astype(int) - picture).max() <= 1
    with pytest.raises(ParameterError, match="against = 'best' is none of unmodified, newton"):
        pick(methods, "best")
    with pytest.raises(ParameterError, match="name of the unedited generator"):
        pick([RewrittenGenerator("unmodified", generator, None)], "unmodified")


def test_pairs_that_are_the_same_are_not_asked_about(generator, methods):
    z = sample_z(generator, 8, seed=4)
    same = RewrittenGenerator("newton", generator, None)
    with pytest.raises(ParameterError, match="newton: 0 of its 8 samples changed"):
        take_shots(generator, [same], None, pairs=1, z=z, order_seed=0)
    with pytest.raises(ParameterError, match="changed by 200 levels or more"):
        take_shots(generator, methods, None, pairs=1, z=z, order_seed=0, least_change=200)
    for wrong in ({"pairs": 0}, {"batch": 0}, {"least_change": -1.0}):
        with pytest.raises(ParameterError, match="are needed"):
            take_shots(generator, methods, None, **({"pairs": 1} | wrong), z=z, order_seed=0)


# in a browser


@pytest.fixture
def browser():
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: the page was not tried in a browser")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        yield opened
        opened.close()


def test_three_pairs_judged_by_keyboard(browser, tmp_path):
    study, html = page_of(shots(("newton",), each=3))
    (tmp_path / "study.html").write_text(html)
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    asked, faults = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda fault: faults.append(fault))
    page.on("console", lambda message: faults.append(message.text))

    def begin():
        page.goto((tmp_path / "study.html").as_uri())
        if not page.input_value("#judge"):
            page.fill("#judge", 'Zoë "Z" O, Neil')
        page.press("#judge", "Enter")

    def answer(number, key):
        page.wait_for_selector(f'#count:text-is("{number} of 3")')
        page.wait_for_selector("#pair:not(.waiting)")
        page.wait_for_timeout(150)  # what comes sooner is taken for a double click
        page.keyboard.press(key)

    begin()
    page.wait_for_selector("#pair:not(.waiting)")
    size = page.evaluate("['scrollWidth', 'scrollHeight'].map(k => document.documentElement[k])")
    assert size == [390, 844]  # both images are on a phone's screen at once
    answer(1, "ArrowLeft")
    answer(2, "ArrowLeft")
    begin()  # closed and opened again: it goes on where it was, with the name
    answer(3, "Backspace")
    answer(2, "ArrowRight")
    answer(3, "ArrowRight")
    page.wait_for_selector("#done:not([hidden])")
    with page.expect_download() as download:
        page.click("#done .save")
    download.value.save_as(tmp_path / "zoe.csv")

    answers = read_answers([tmp_path / "zoe.csv"], study)
    assert [a.answer for a in answers] == ["left", "right", "right"]
    assert [a.pair for a in answers] == [pair.id for pair in study.pairs]
    assert {a.judge for a in answers} == {'Zoë "Z" O, Neil'}
    assert all(100 <= a.milliseconds < 60_000 for a in answers)
    fooled = sum(
        (a.answer == "left") == p.left_is_edited for a, p in zip(answers, study.pairs, strict=True)
    )
    assert np.isclose(realism_table(study, answers)["realism_percent"].item(), 100 * fooled / 3)
    assert not faults
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)
