"""Sentences about held-out photographs, and what their numbers decide.

    for topic, measured, holds in photograph_claims(read_rows("photographs.csv")):
        ...

- *reproduced*: the perceptual error with adapted weights is at most half of that of the best w. It
  holds if the upper end of the one interval is below half of the lower end of the other, does not
  hold if the lower end is above half of the upper end, and is undecided otherwise.
- *rule_on_photographs*: at least half of the photographs whose reproduction does not smile smile
  under the rule; decided by the interval of that share.
- *foreign*: a sticker stays: the pixels in it are nearer to the sticker than to the photograph
  without it, by at least half, in the adapted picture and under the rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from palimpsest.estimates.intervals import Estimate
from palimpsest.report.sentences import figure_of, in_words
from palimpsest.report.table_view import number, show

HALF = 0.5


def photograph_claims(rows: Sequence[Mapping[str, str]]) -> list[tuple[str, str, bool | None]]:
    """Topic, sentence and verdict of each claim that `photographs.csv` has numbers for."""
    by_picture = {row["picture"]: row for row in rows}
    if not {"photograph", "best_w", "adapted", "edited"} <= set(by_picture):
        return []
    return [
        ("reproduced", *_reproduced(by_picture)),
        ("rule_on_photographs", *_rule(by_picture["edited"])),
        ("foreign", *_foreign(by_picture)),
    ]


def _reproduced(rows: Mapping[str, Mapping[str, str]]) -> tuple[str, bool | None]:
    column = "perceptual_error"
    before, after = (figure_of(rows[name], column) for name in ("best_w", "adapted"))
    words = (
        f"Perceptual error of {show('n', rows['adapted']['n'])} held-out photographs: best w "
        f"{in_words(before, column)}, adapted {in_words(after, column)}."
    )
    return words, _below(after, Estimate(*(HALF * end for end in before)))


def _rule(row: Mapping[str, str]) -> tuple[str, bool | None]:
    column = "begin_smiling_percent"
    share = figure_of(row, column)
    count, turned = number(row["n_not_smiling"]) or 0, number(row[column]) or 0
    words = (
        f"Of {count:g} photographs whose reproduction does not smile, {turned * count / 100:.0f} "
        f"smile under the rule by the classifier: {in_words(share, column)}."
    )
    half = Estimate(*[100 * HALF] * 3)
    holds = _below(half, share)
    if holds is None and share.estimate == share.estimate:
        words += f" The interval includes {100 * HALF:g} %."
    return words, holds


def _foreign(rows: Mapping[str, Mapping[str, str]]) -> tuple[str, bool | None]:
    column = "sticker_error"
    gone = figure_of(rows["photograph"], column)
    kept = {name: figure_of(rows[name], column) for name in ("adapted", "edited")}
    words = (
        "Difference of pixels in the sticker (black to white is 1): "
        f"{in_words(kept['adapted'], column)} adapted, {in_words(kept['edited'], column)} under "
        f"the rule, best w {in_words(figure_of(rows['best_w'], column), column)}; without a "
        f"sticker it would be {in_words(gone, column)}. Stickers on "
        f"{show('n', rows['adapted']['n_stickers'])} photographs."
    )
    half = Estimate(*(HALF * end for end in gone))
    verdicts = [_below(found, half) for found in kept.values()]
    holds = False if False in verdicts else None if None in verdicts else True
    return words, holds


def _below(one: Estimate, other: Estimate) -> bool | None:
    """Whether one interval lies below another; None if they overlap or one was not measured."""
    if one.high <= other.low:
        return True
    return False if one.low > other.high else None
