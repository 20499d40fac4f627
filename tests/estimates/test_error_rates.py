import numpy as np
import pytest

from palimpsest.estimates.error_rates import Errors, corrected_count, corrected_rate
from palimpsest.estimates.intervals import wilson


def test_errors_are_counted_by_the_kind_of_image():
    truth = [True, True, True, False, False, False, False]
    said = [True, False, True, True, False, False, False]
    errors = Errors.of(truth, said)
    assert errors == Errors(false_positives=1, negatives=4, false_negatives=1, positives=3)
    assert errors.false_positive == wilson(1, 4)
    assert errors.false_negative == wilson(1, 3)
    assert errors.accuracy == wilson(5, 7)
    with pytest.raises(ValueError, match="for truth of shape"):
        Errors.of(truth, said[:-1])


def test_errors_survive_being_written_down():
    errors = Errors(2, 700, 5, 300)
    facts = errors.facts()
    assert Errors.from_facts(facts) == errors
    assert facts["false_negative"] == pytest.approx(5 / 300)
    assert facts["false_negative_low"] < 5 / 300 < facts["false_negative_high"]
    assert Errors(0, 0, 1, 4).facts()["false_positive"] is None


def test_the_correction_undoes_the_known_error():
    # of 1000 images 300 have it: 10 % of those are missed, 5 % of the 700 others are taken for it
    errors = Errors(50, 1000, 100, 1000)
    said = 270 + 35
    assert corrected_rate(said, 1000, errors).estimate == pytest.approx(0.3)
    assert corrected_count(said, 1000, errors).estimate == pytest.approx(300)
    low, high = corrected_rate(said, 1000, errors)[1:]
    assert low < 0.3 < high
    # what nobody erred on is left as it is, and the interval is about Wilson's
    exact = corrected_rate(250, 1000, Errors(0, 10**6, 0, 10**6))
    assert np.allclose(exact, wilson(250, 1000), atol=1e-3)


def test_fewer_yes_than_false_ones_is_none_at_all():
    errors = Errors(50, 1000, 0, 1000)
    assert corrected_rate(20, 1000, errors).estimate == 0
    assert corrected_rate(20, 1000, errors).low == 0
    assert corrected_rate(1000, 1000, Errors(0, 1000, 50, 1000)).estimate == 1


@pytest.mark.parametrize(
    ("rate", "wrong_yes", "wrong_no", "n", "negatives", "positives"),
    [
        (0.25, 0.005, 0.02, 1000, 750, 250),
        (0.02, 0.003, 0.02, 1000, 750, 250),
        (0.4, 0.1, 0.2, 200, 100, 100),
    ],
)
def test_the_interval_holds_the_truth_as_often_as_it_says(
    rate, wrong_yes, wrong_no, n, negatives, positives
):
    draw = np.random.default_rng(1)
    trials, inside = 400, 0
    for _ in range(trials):
        errors = Errors(
            draw.binomial(negatives, wrong_yes),
            negatives,
            draw.binomial(positives, wrong_no),
            positives,
        )
        said = draw.binomial(n, rate * (1 - wrong_no) + (1 - rate) * wrong_yes)
        found = corrected_rate(said, n, errors)
        assert 0 <= found.low <= found.estimate <= found.high <= 1
        inside += found.low <= rate <= found.high
    assert 0.92 <= inside / trials <= 0.99


def test_what_cannot_be_corrected():
    assert np.isnan(corrected_rate(0, 0, Errors(0, 10, 0, 10)).estimate)
    with pytest.raises(ValueError, match="11 of 10"):
        corrected_rate(11, 10, Errors(0, 10, 0, 10))
    with pytest.raises(ValueError, match="carries no information"):
        corrected_rate(5, 10, Errors(5, 10, 5, 10))
    with pytest.raises(ValueError, match="some without"):
        corrected_rate(5, 10, Errors(0, 0, 5, 10))
