"""What is said of held-out photographs follows from their table."""

import pytest

from palimpsest.report.claims import judge
from palimpsest.report.photograph_claims import photograph_claims


def figure(column, value, spread):
    ends = (("", value), ("_low", value - spread), ("_high", value + spread))
    return {column + end: str(number) for end, number in ends}


def rows(adapted=(0.04, 0.01), turned=(80, 15), kept=(0.05, 0.01)):
    base = {"n": "16", "n_not_smiling": "10", "n_stickers": "4"}
    made = {
        "photograph": figure("sticker_error", 0.4, 0.05),
        "best_w": figure("perceptual_error", 0.2, 0.02) | figure("sticker_error", 0.3, 0.05),
        "adapted": figure("perceptual_error", *adapted) | figure("sticker_error", *kept),
        "edited": figure("begin_smiling_percent", *turned) | figure("sticker_error", *kept),
    }
    return [{"picture": picture, **base, **row} for picture, row in made.items()]


def holds(**changes):
    return {topic: verdict for topic, _, verdict in photograph_claims(rows(**changes))}


@pytest.mark.parametrize(
    ("adapted", "verdict"),
    [((0.04, 0.01), True), ((0.15, 0.02), False), ((0.1, 0.03), None)],
)
def test_half_of_the_error_of_w(adapted, verdict):
    assert holds(adapted=adapted)["reproduced"] is verdict


@pytest.mark.parametrize(
    ("turned", "verdict"), [((80, 15), True), ((20, 15), False), ((60, 20), None)]
)
def test_half_of_those_that_do_not_smile(turned, verdict):
    assert holds(turned=turned)["rule_on_photographs"] is verdict


@pytest.mark.parametrize(
    ("kept", "verdict"), [((0.05, 0.01), True), ((0.35, 0.02), False), ((0.2, 0.1), None)]
)
def test_the_sticker_stays(kept, verdict):
    assert holds(kept=kept)["foreign"] is verdict


def test_the_numbers_are_in_the_sentences():
    measured = {topic: words for topic, words, _ in photograph_claims(rows(turned=(60, 20)))}
    assert "Of 10 photographs" in measured["rule_on_photographs"]
    assert "6 smile under the rule" in measured["rule_on_photographs"]
    assert "The interval includes 50 %." in measured["rule_on_photographs"]
    assert "0.0400 (0.0300 to 0.0500)" in measured["reproduced"]
    assert "Stickers on 4 photographs" in measured["foreign"]


def test_a_run_without_photographs_says_nothing():
    assert photograph_claims([]) == []
    spoken = {claim.topic for claim in judge({"photographs": rows()}) if claim.where}
    assert spoken == {"reproduced", "rule_on_photographs", "foreign"}
