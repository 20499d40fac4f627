"""The realism study: pairs in random order, answers read back, shares reckoned by hand."""

import re

import numpy as np
import pytest

from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.estimates.intervals import wilson, wilson_share
from palimpsest.estimates.rater_agreement import agreement, cohen_kappa, fleiss_kappa
from palimpsest.experiments.realism.study import (
    Answer,
    ImagePair,
    Study,
    deal_samples,
    pair_up,
    read_answers,
    read_key,
    realism_table,
    write_key,
)

KEY = Study(
    "feed",
    "unmodified",
    3,
    tuple(
        ImagePair(f"p{i}", "newton" if i < 5 else "finetune_all", i, i % 2 == 0)
        for i in range(1, 9)
    ),
)
"""Four pairs by each of two methods; the edited image stands left in those with even numbers."""


def said(judge, **answers):
    return [Answer(pair, judge, answer, 1000.0) for pair, answer in answers.items()]


# pairs


def test_no_sample_is_dealt_to_two_methods():
    hands = deal_samples(["a", "b", "c"], samples=31, seed=2)
    assert [len(hand) for hand in hands.values()] == [10, 10, 10]
    dealt = [number for hand in hands.values() for number in hand]
    assert len(set(dealt)) == 30 and set(dealt) <= set(range(31))
    assert hands == deal_samples(["a", "b", "c"], samples=31, seed=2)
    assert hands != deal_samples(["a", "b", "c"], samples=31, seed=3)


def test_sides_are_balanced_and_mixed_and_told_by_the_seed():
    samples = {"a": range(40), "b": range(40, 81)}
    pairs = pair_up(samples, seed=7)
    assert pairs == pair_up(samples, seed=7) and pairs != pair_up(samples, seed=8)
    assert [pair.id for pair in pairs] == [f"p{i:02d}" for i in range(1, 82)]
    for method, numbers in samples.items():
        own = [pair for pair in pairs if pair.method == method]
        assert sorted(pair.sample for pair in own) == list(numbers)
        left = sum(pair.left_is_edited for pair in own)
        assert left in (len(own) // 2, -(-len(own) // 2))
        sides = [pair.left_is_edited for pair in own]
        assert 8 < sum(a != b for a, b in zip(sides, sides[1:], strict=False)) < 32
    methods = [pair.method for pair in pairs]
    assert 20 < sum(a != b for a, b in zip(methods, methods[1:], strict=False)) < 60


def test_over_seeds_no_pair_prefers_a_side():
    left = np.mean([[p.left_is_edited for p in pair_up({"a": range(9)}, s)] for s in range(400)], 0)
    assert (abs(left - 0.5) < 0.12).all()  # five standard errors


@pytest.mark.parametrize(("methods", "samples"), [([], 5), (["a", "a"], 5), (["a", "b"], 1)])
def test_what_cannot_be_dealt(methods, samples):
    with pytest.raises(ParameterError):
        deal_samples(methods, samples, seed=0)


# what people said


def test_shares_of_pairs_have_the_wilson_interval():
    # finetune_all: judges of p5 to p8, edited left in p6 and p8
    answers = said("ann", p1="left", p2="left", p3="right", p4="right")  # fooled in p2 and p3
    answers += said("ann", p5="left", p6="right", p7="left")  # fooled in none of three
    table = realism_table(KEY, answers).set_index("method")
    assert list(table.index) == ["finetune_all", "newton"]  # the order of Table 2
    low, high = wilson(2, 4)[1:]
    row = table.loc["newton"]
    assert row["realism_percent"] == 50 and row["n"] == 4 and row["judges"] == 1
    assert np.allclose(
        [row["realism_percent_low"], row["realism_percent_high"]], [100 * low, 100 * high]
    )
    row = table.loc["finetune_all"]
    assert row["realism_percent"] == 0 and row["realism_percent_low"] == 0 and row["n"] == 3
    assert np.isclose(row["realism_percent_high"], 100 * wilson(0, 3).high)
    assert np.isnan(table["agreement_percent"]).all() and np.isnan(table["kappa"]).all()


def test_a_second_judge_makes_no_second_pair():
    first = said("ann", p1="left", p2="left", p3="right", p4="right")
    same = [Answer(a.pair, "bob", a.answer, 1.0) for a in first]
    one, two = (realism_table(KEY, given).iloc[1] for given in (first, first + same))
    columns = ["realism_percent", "realism_percent_low", "realism_percent_high", "n"]
    assert (one[columns] == two[columns]).all()
    assert two["judges"] == 2 and two["agreement_percent"] == 100 and two["kappa"] == 1


def test_where_judges_disagree_a_pair_counts_in_part():
    answers = said("ann", p1="left", p2="left", p3="right", p4="right")
    answers += said("bob", p1="left", p2="right", p3="right")
    # p2 fools one of two; p3 both, p1 none, and ann alone judged p4, which did not fool her
    row = realism_table(KEY, answers).iloc[1]
    assert np.isclose(row["realism_percent"], 100 * (0 + 0.5 + 1 + 0) / 4) and row["n"] == 4
    assert np.isclose(row["agreement_percent"], 100 * 2 / 3)
    # of p1 to p3: sides left, left, right and left, right, right; chance 2/3·1/3 + 1/3·2/3
    assert np.isclose(row["kappa"], (2 / 3 - 4 / 9) / (1 - 4 / 9))


def test_interval_is_that_of_whole_counts():
    for k, n in ((0, 7), (3, 7), (7, 7), (250, 500)):
        assert np.allclose(wilson_share(k / n, n), wilson(k, n))
    assert np.isnan(wilson_share(np.nan, 0)).all()
    for share, level in ((1.1, 0.95), (0.5, 1.0)):
        with pytest.raises(ValueError):
            wilson_share(share, 10, level)


def test_kappas_have_their_textbook_values():
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: 0.7 observed, 0.5 by chance
    first = ["y"] * 25 + ["n"] * 25
    second = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert np.isclose(cohen_kappa(first, second), 0.4)
    # the well-known worked example: fourteen judges, ten items, five labels
    counts = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    assert np.isclose(fleiss_kappa(counts), 0.210, atol=5e-4)
    assert fleiss_kappa([[3, 0], [0, 3]]) == 1


def test_kappa_of_guessing_is_nothing_and_of_no_choice_unknown():
    random = np.random.default_rng(0).integers(0, 2, (4000, 3)).astype(float)
    for judges in (2, 3):
        share, kappa = agreement(random[:, :judges])
        assert abs(share - 0.5) < 0.04 and abs(kappa) < 0.08
    assert np.isnan(agreement(np.array([[1, np.nan], [np.nan, 0]]))).all()
    share, kappa = agreement(np.ones((5, 2)))
    assert share == 1 and np.isnan(kappa)
    assert np.isnan(cohen_kappa([], [])) and np.isnan(fleiss_kappa([]))
    with pytest.raises(ValueError):
        cohen_kappa([1, 2], [1])
    with pytest.raises(ValueError):
        fleiss_kappa([[1, 0]])


# files


def test_key_reads_back(tmp_path):
    write_key(KEY, tmp_path / "key.csv")
    assert read_key(tmp_path / "key.csv") == KEY
    spreadsheet = (tmp_path / "key.csv").read_text().replace("true", "TRUE")
    (tmp_path / "again.csv").write_text("\ufeff" + spreadsheet.replace("\n", "\r\n"))
    assert read_key(tmp_path / "again.csv") == KEY


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("false", "maybe", "row 2: left_is_edited is 'maybe'"),
        ("p3", "p2", "row 4: pair 'p2' is in the key twice"),
        ("feed,p2", "dead,p2", "row 3: study, against, seed are"),
        ("newton,unmodified,1", "newton,unmodified,one", "row 2: sample is 'one'"),
        ("method", "way", "row 1: has no column method"),
        (",newton", ",", "row 2: method is blank"),
    ],
)
def test_a_damaged_key_is_named_by_its_row(old, new, told, tmp_path):
    write_key(KEY, tmp_path / "key.csv")
    text = (tmp_path / "key.csv").read_text().replace(old, new, 1)
    (tmp_path / "key.csv").write_text(text)
    with pytest.raises(PalimpsestError, match=f"key.csv, {re.escape(told)}"):
        read_key(tmp_path / "key.csv")


GOOD = "study,pair,answer,milliseconds,judge\nfeed,p1,left,812,Ann\nfeed,p2,right,1520,Ann\n"


def test_answers_of_several_files_and_spellings(tmp_path):
    (tmp_path / "a.csv").write_text(GOOD)
    other = GOOD.replace("p1", "p3").replace("p2", "p4").replace("Ann", '" ann "')
    (tmp_path / "b.csv").write_text(other + "\n")
    answers = read_answers([tmp_path / "a.csv", tmp_path / "b.csv"], KEY)
    assert answers[0] == Answer("p1", "Ann", "left", 812.0)
    assert [(a.pair, a.judge) for a in answers] == [(f"p{i}", "Ann") for i in (1, 2, 3, 4)]


def test_a_file_given_twice_is_told(tmp_path):
    (tmp_path / "a.csv").write_text(GOOD)
    with pytest.raises(PalimpsestError, match="a.csv, row 2: 'Ann' answered pair 'p1' before"):
        read_answers([tmp_path / "a.csv"] * 2, KEY)
