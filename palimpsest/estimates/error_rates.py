"""Error rates of a yes-or-no instrument, and counts corrected for them.

    errors = Errors.of(truth, said)            # both (n,) bool, on images whose truth is known
    errors.false_positive, errors.false_negative    # Wilson intervals
    corrected_rate(said=812, n=1000, errors=errors)

An instrument with false positive rate a and false negative rate b says "yes" to a share
p = r (1 - b) + (1 - r) a, where r is the true share; so r = (p - a) / (1 - a - b) (Rogan and Gladen
1978). The interval is that of Lang and Reiczigel (2014), which includes the uncertainty of a and b.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from palimpsest.estimates.columns import estimate_columns
from palimpsest.estimates.intervals import NOTHING, Estimate, wilson


@dataclass(frozen=True)
class Errors:
    """Counts on images of known truth: errors among the ``negatives`` and the ``positives``."""

    false_positives: int
    negatives: int
    false_negatives: int
    positives: int

    @classmethod
    def of(cls, truth: ArrayLike, said: ArrayLike) -> Errors:
        """Errors from the truth and the instrument's predictions ``said``, both (n,) bool.

        Raises `ValueError` for arrays that do not match.
        """
        truth, said = np.asarray(truth, dtype=bool), np.asarray(said, dtype=bool)
        if truth.ndim != 1 or truth.shape != said.shape:
            raise ValueError(f"predictions of shape {said.shape} for truth of shape {truth.shape}")
        return cls(
            int((said & ~truth).sum()),
            int((~truth).sum()),
            int((~said & truth).sum()),
            int(truth.sum()),
        )

    @property
    def false_positive(self) -> Estimate:
        """Share of the negatives to which it says "yes", with its Wilson interval."""
        return wilson(self.false_positives, self.negatives)

    @property
    def false_negative(self) -> Estimate:
        """Share of the positives to which it says "no", with its Wilson interval."""
        return wilson(self.false_negatives, self.positives)

    @property
    def accuracy(self) -> Estimate:
        """Share of all images for which it is right, with its Wilson interval."""
        n = self.negatives + self.positives
        return wilson(n - self.false_positives - self.false_negatives, n)

    def facts(self) -> dict[str, float | int | None]:
        """The counts and rates for JSON; a rate of no images is None."""
        names = ("accuracy", "false_positive", "false_negative")
        rates = estimate_columns({name: getattr(self, name) for name in names})
        return {
            "false_positives": self.false_positives,
            "negatives": self.negatives,
            "false_negatives": self.false_negatives,
            "positives": self.positives,
        } | {name: None if np.isnan(value) else value for name, value in rates.items()}

    @classmethod
    def from_facts(cls, facts: dict) -> Errors:
        """The errors that `facts` wrote. Raises `KeyError` if a count is missing."""
        names = ("false_positives", "negatives", "false_negatives", "positives")
        return cls(*(int(facts[name]) for name in names))


def corrected_rate(said: int, n: int, errors: Errors, level: float = 0.95) -> Estimate:
    """The true share of ``n`` images, of which the instrument says "yes" to ``said``.

    Share and interval lie within [0, 1]; NaN for ``n`` = 0. Raises `ValueError` for more "yes" than
    images, for errors that were not measured on both kinds of image, and for an instrument whose
    two error rates sum to 1 or more, which carries no information.
    """
    if not 0 <= said <= n:
        raise ValueError(f"{said} of {n} images")
    if not (errors.negatives and errors.positives):
        raise ValueError("errors must be measured on images with the thing and on some without")
    wrong_yes = errors.false_positives / errors.negatives
    wrong_no = errors.false_negatives / errors.positives
    if wrong_yes + wrong_no >= 1:
        raise ValueError(
            f"error rates {wrong_yes:.3g} and {wrong_no:.3g}: the instrument carries no information"
        )
    if n == 0:
        return NOTHING
    rate = float(np.clip((said / n - wrong_yes) / (1 - wrong_yes - wrong_no), 0, 1))
    low, high = _interval(said, n, errors, ndtri((1 + level) / 2))
    return Estimate(rate, min(low, rate), max(high, rate))


def _interval(said: int, n: int, errors: Errors, z: float) -> tuple[float, float]:
    """Lang and Reiczigel's interval, cut to [0, 1]; every share is first shrunk towards 1/2."""
    images, negatives, positives = n + z**2, errors.negatives + 2, errors.positives + 2
    share = (said + z**2 / 2) / images
    wrong_yes = (errors.false_positives + 1) / negatives
    wrong_no = (errors.false_negatives + 1) / positives
    slope = 1 - wrong_yes - wrong_no
    if slope <= 0:
        return 0.0, 1.0
    rate = (share - wrong_yes) / slope
    by_no = wrong_no * (1 - wrong_no) / positives
    by_yes = wrong_yes * (1 - wrong_yes) / negatives
    middle = rate + 2 * z**2 * (rate * by_no - (1 - rate) * by_yes)
    variance = share * (1 - share) / images + rate**2 * by_no + (1 - rate) ** 2 * by_yes
    reach = z * np.sqrt(variance) / slope
    low, high = np.clip([middle - reach, middle + reach], 0, 1)
    return float(low), float(high)


def corrected_count(said: int, n: int, errors: Errors, level: float = 0.95) -> Estimate:
    """The true number of ``n`` images: `corrected_rate` times ``n``."""
    return Estimate(*(n * share for share in corrected_rate(said, n, errors, level)))
