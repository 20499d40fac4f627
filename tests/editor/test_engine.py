"""What is drawn for a work, and what is not computed again."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from palimpsest.editor import changes
from palimpsest.editor.engine import Drawn, Engine, Picture, Report
from palimpsest.editor.solutions import Solutions
from palimpsest.editor.work import Work
from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.pictures import as_picture
from palimpsest.memory import KeyStatistics
from palimpsest.sessions import Selection, rewrite
from tests.editor.conftest import spot

DOMES = (2, 8)
"""Samples on which the example is painted: an object, and a place with a dome."""


@pytest.fixture
def work(engine, example) -> Work:
    return changes.opened(engine.new_work("church"), example, 6)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def all_of(engine: Engine, work: Work, samples=DOMES) -> list:
    return list(engine.results(work, samples, lambda: False))


def test_without_a_rule_the_pictures_are_the_generators_own(engine) -> None:
    report, *pictures, drawn = all_of(engine, engine.new_work("church"), [0, 7, 30])
    g = engine.model("church").g
    for picture in pictures:
        own = as_picture(g(sample_z(g, 31)[picture.sample][None]))[0]
        assert np.array_equal(pixels(picture.png), own)
    assert isinstance(report, Report) and report.missing == "object"
    assert isinstance(drawn, Drawn) and drawn.pictures == 3


def test_copy_paste_context_changes_the_pictures(engine, work, example, place) -> None:
    report, *pictures, _ = all_of(engine, work)
    assert report.goal_after < report.goal_before / 2 and 0 < report.elsewhere < 0.5
    assert report.problem is None and report.missing is None and not report.provisional
    stats = KeyStatistics.load(place.models["church"].statistics_file(6))
    g = engine.model("church").g
    edited = rewrite(g, example, stats, mu=example.solve.mu, iterations=40).apply(g)
    for picture in pictures:
        z = sample_z(g, 9)[picture.sample][None]
        assert np.array_equal(pixels(picture.png), as_picture(edited(z))[0])
        assert picture.png != engine.picture(engine.recipe(work).original, picture.sample)


def test_what_is_half_made_changes_nothing_but_says_what_is_missing(engine, work) -> None:
    empty = engine.new_work("church")
    half = changes.painted(empty, "object", 2, work.draft.exemplars[0].object)
    assert engine.recipe(half).hash == engine.recipe(empty).hash
    assert engine.report(half).missing == "paste"


def test_equal_hashes_mean_equal_pictures(engine, work) -> None:
    found = engine.recipe(work).hash
    for same in ({"name": "other"}, {"title": "Another title"}):
        assert engine.recipe(changes.with_settings(work, **same)).hash == found
    for other in ({"smoothness": 3.0}, {"strength": 0.5}, {"rank": 2}, {"layer": 5}):
        assert engine.recipe(changes.with_settings(work, **other)).hash != found
    assert engine.recipe(changes.kept(work)).hash == found, "a rule that is kept stays the same"
    assert engine.recipe(changes.with_settings(work, strength=0.0)).hash == (
        engine.recipe(work).original.hash
    )


def test_a_truncation_is_that_of_the_pictures_and_of_the_rule(engine, work, place) -> None:
    near = changes.with_truncation(work, 0.5)
    assert engine.recipe(near).hash != engine.recipe(work).hash
    assert changes.with_truncation(near, None) == work
    g = load_generator(place.models["church"].weights, truncation=0.5)
    original = engine.image(engine.recipe(near).original, 8)
    assert torch.equal(original, g(sample_z(g, 9)[8:9]))
    session = near.session
    assert session.truncation == 0.5 and work.session.truncation is None
    stats = KeyStatistics.collect(g, 6, n=engine.statistics("church", 6, 0.5).n, seed=1)
    edited = rewrite(g, session, stats, mu=session.solve.mu, iterations=40).apply(g)
    assert torch.equal(engine.image(engine.recipe(near), 8), edited(sample_z(g, 9)[8:9]))


def test_a_kept_rule_stays_the_same_edit_at_another_truncation(engine, work) -> None:
    kept = changes.kept(work)
    near = changes.with_truncation(kept, 0.5)
    parts = [engine.recipe(one).parts[0] for one in (kept, near)]
    assert parts[0] == parts[1] and kept.rules == near.rules
    again = changes.drafted_again(near, "r1")
    assert again.truncation is None and again.session == work.session


def test_statistics_of_a_truncation_that_is_left_are_not_collected(engine, work) -> None:
    near = changes.with_truncation(work, 0.5)
    left = engine.statistics("church", 6, 0.5)
    engine._collecting.acquire()
    try:
        engine.begin_statistics(near)
        engine.begin_statistics(work)
    finally:
        engine._collecting.release()
    left._thread.join()
    assert not left.ready
    engine.begin_statistics(near)
    left._thread.join()
    assert left.ready


def test_the_newest_change_supersedes_between_any_two_pictures(engine, work) -> None:
    seen = []
    for result in engine.results(work, range(24), lambda: len(seen) >= 3):
        seen.append(result)
    assert [type(one) for one in seen] == [Report, Picture, Picture]


def count(monkeypatch, owner, name: str) -> list:
    calls, real = [], getattr(owner, name)

    def counted(*arguments, **options):
        calls.append(arguments)
        return real(*arguments, **options)

    monkeypatch.setattr(owner, name, counted)
    return calls


def test_only_what_must_be_is_computed_again(engine, work, monkeypatch) -> None:
    model = engine.model("church")
    keys = count(monkeypatch, type(model.g), "keys_at")
    solving = count(monkeypatch, Solutions, "_solve")
    drawing = count(monkeypatch, Engine, "image")

    def spent() -> tuple[int, int, int]:
        found = len(keys), len(solving), len(drawing)
        for one in (keys, solving, drawing):
            one.clear()
        return found

    all_of(engine, engine.new_work("church"))
    assert spent() == (2, 0, 2)
    all_of(engine, work)
    assert spent() == (4, 1, 2), "keys of the two samples are kept; four more are painted on"
    all_of(engine, changes.with_settings(work, strength=0.5))
    assert spent() == (0, 0, 2), "another strength: neither keys nor a solution"
    all_of(engine, changes.with_settings(work, smoothness=5.0))
    assert spent() == (0, 1, 2), "another smoothness: no keys"
    all_of(engine, work)
    all_of(engine, engine.new_work("church"))
    assert spent() == (0, 0, 0), "undo costs nothing"


def test_rules_add_up_and_strength_counts(engine, work) -> None:
    kept = changes.kept(work)
    once = engine.image(engine.recipe(kept), 8)
    off = engine.image(engine.recipe(changes.with_rule(kept, "r1", on=False)), 8)
    original = engine.image(engine.recipe(kept).original, 8)
    assert torch.equal(off, original) and not torch.equal(once, original)
    twice = changes.kept(changes.opened(kept, work.draft.session("church"), 6))
    double = changes.with_rule(kept, "r1", strength=2.0)
    found = engine.image(engine.recipe(twice), 8) - engine.image(engine.recipe(double), 8)
    assert found.abs().max() < 1e-3


def test_the_report_is_that_of_the_strength(engine, work) -> None:
    full, half = (
        engine.report(changes.with_settings(work, strength=strength)) for strength in (1.0, 0.5)
    )
    assert full.goal_after < half.goal_after < half.goal_before == full.goal_before
    assert half.elsewhere == pytest.approx(full.elsewhere / 2)


def test_a_draft_that_cannot_be_solved_says_why_in_one_sentence(engine, work) -> None:
    wrong = changes.with_settings(work, rank=60)
    report, *pictures, _ = all_of(engine, wrong)
    assert "rank" in report.problem and "paint more context" in report.problem
    assert report.goal_after is None
    assert [p.png for p in pictures] == [
        engine.picture(engine.recipe(work).original, sample) for sample in DOMES
    ]


def test_a_spot_smaller_than_a_cell_is_enough(engine, work) -> None:
    tiny = Selection(sample=4, mask=spot(60, 60, 61, 61))
    wanted = changes.painted(work, "context", 4, tiny)
    assert engine.report(wanted).problem is None


def test_the_most_directions_are_the_keys_of_the_context(engine, work) -> None:
    assert engine.max_rank(engine.new_work("church")) == 0
    one = changes.painted(
        engine.new_work("church"), "context", 4, Selection(sample=4, mask=spot(0, 0, 16, 24))
    )
    assert engine.max_rank(one) == 2 * 3, "16 x 16 cells on 128 x 128 pixels"


def test_quick_statistics_come_first_and_the_full_ones_replace_them(place, engine, work) -> None:
    place.models["church"].statistics_file(6).unlink()
    statistics = engine.statistics("church", 6)
    before = engine.report(work)
    assert before.provisional and not statistics.ready
    statistics.begin()
    statistics._thread.join()
    after = engine.report(work)
    assert not after.provisional and after.hash != before.hash
    assert after.goal_after == pytest.approx(before.goal_after, rel=0.5)


def test_the_full_statistics_are_stored_as_the_pipeline_stores_them(
    place, engine, statistics_file
) -> None:
    file = place.models["church"].statistics_file(6)
    file.unlink()
    statistics = engine.statistics("church", 6)
    statistics.begin()
    statistics._thread.join()
    assert file.read_bytes() == statistics_file.read_bytes()


def test_statistics_of_other_samples_are_collected_again(place, engine, statistics_file) -> None:
    file = place.models["church"].statistics_file(6)
    KeyStatistics.collect(engine.model("church").g, 6, n=100, seed=2).save(file)
    statistics = engine.statistics("church", 6)
    assert not statistics.ready
    statistics.begin()
    statistics._thread.join()
    assert file.read_bytes() == statistics_file.read_bytes()
