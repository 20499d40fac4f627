"""The realism study: which of two images people take for the real one.

    samples = deal_samples(["newton", "finetune_all"], samples=1000, seed=0)   # by method
    pairs = pair_up({"newton": [17, 4], "finetune_all": [88, 3]}, seed=0)      # sides and order
    study = Study("5f0c…", against="unmodified", seed=3, pairs=pairs)          # the answer key
    answers = read_answers(["ann.csv", "bob.csv"], study)
    realism_table(study, answers).to_csv("realism.csv")

In section 5.1 of the paper people compare two images of one sample; Tables 1 and 2 report how often
a method's image was found the more realistic one. Here a method is compared with ``against``: the
unedited generator, or another method, as in the paper's tables. A share of 50 % means that people
see no difference.

No sample occurs with two methods, because a repeated image could be recognised as the one that all
methods are compared with. Judges' files and the key are CSV. Only the key says which image is on
which side; the judges' page (`palimpsest.experiments.realism.study_page`) does not contain it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.estimates.columns import estimate_columns, order_key
from palimpsest.estimates.intervals import percent, wilson_share
from palimpsest.estimates.rater_agreement import agreement
from palimpsest.files.tables import write_table
from palimpsest.files.typed_rows import Text, TypedRow, read_typed_rows
from palimpsest.methods.registry import METHODS

LEFT = "left"


class KeyRow(TypedRow):
    """A row of the answer key; ``study``, ``against`` and ``seed`` are the same in all rows."""

    study: Text
    pair: Text
    method: Text
    against: Text
    sample: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0)]
    left_is_edited: bool


class AnswerRow(TypedRow):
    """A row of a judge's file: the side of a pair that the judge took for the real image."""

    study: Text
    pair: Text
    answer: Literal["left", "right"]
    milliseconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    judge: Text


@dataclass(frozen=True)
class ImagePair:
    """Two images of one sample, by a method and by the one that it is compared with.

    ``id``: its neutral name in judges' files; ``left_is_edited``: the method's image is on the
    left.
    """

    id: str
    method: str
    sample: int
    left_is_edited: bool


@dataclass(frozen=True)
class Study:
    """The answer key. The page and every judge's file carry the same ``id``.

    ``against``: what the methods are compared with; ``seed``: of the samples.
    """

    id: str
    against: str
    seed: int
    pairs: tuple[ImagePair, ...]


@dataclass(frozen=True)
class Answer:
    """One judge's answer to one pair: the side, ``left`` or ``right``, taken for the real image."""

    pair: str
    judge: str
    answer: str
    milliseconds: float


def deal_samples(methods: Sequence[str], samples: int, seed: int) -> dict[str, tuple[int, ...]]:
    """Sample numbers by method: 0 to ``samples`` - 1, dealt at random, equally many to each.

    Raises `ParameterError` for no method, one given twice, or fewer samples than methods.
    """
    if not methods or len(set(methods)) < len(methods):
        raise ParameterError(
            f"methods {', '.join(methods) or '(none)'}: a study needs at least one, each once"
        )
    hand = samples // len(methods)
    if hand < 1:
        raise ParameterError(
            f"samples = {samples} for {len(methods)} methods; each needs separate samples"
        )
    order = np.random.default_rng([seed, 0]).permutation(samples).tolist()
    return {
        method: tuple(order[place * hand : (place + 1) * hand])
        for place, method in enumerate(methods)
    }


def pair_up(samples: Mapping[str, Sequence[int]], seed: int) -> tuple[ImagePair, ...]:
    """Pairs in the order in which they are shown, from each method's sample numbers.

    Within a method the edited image is on the left as often as on the right (give or take one), in
    random order; methods are mixed at random. The same arguments give the same pairs.
    """
    random = np.random.default_rng([seed, 1])
    unordered = []
    for method, numbers in samples.items():
        sides = (np.arange(len(numbers)) + random.integers(2)) % 2 == 0
        random.shuffle(sides)
        unordered += [(method, n, bool(s)) for n, s in zip(numbers, sides, strict=True)]
    width = len(str(len(unordered)))
    return tuple(
        ImagePair(f"p{place + 1:0{width}d}", *unordered[chosen])
        for place, chosen in enumerate(random.permutation(len(unordered)))
    )


def write_key(study: Study, path: str | Path) -> None:
    """Write the answer key as CSV, atomically, one row for each pair."""
    table = pd.DataFrame(
        {
            "study": study.id,
            "pair": [pair.id for pair in study.pairs],
            "method": [pair.method for pair in study.pairs],
            "against": study.against,
            "sample": [pair.sample for pair in study.pairs],
            "seed": study.seed,
            "left_is_edited": [str(pair.left_is_edited).lower() for pair in study.pairs],
        },
        columns=list(KeyRow.model_fields),
    )
    write_table(table, path)


def read_key(path: str | Path) -> Study:
    """Read the key that `write_key` wrote.

    Raises `PalimpsestError`, naming file and row, for a file that is missing, empty, of several
    studies, or has an invalid row.
    """
    pairs: dict[str, ImagePair] = {}
    first: tuple[str, str, int] | None = None
    for place, row in read_typed_rows(path, KeyRow, remedy="make the study again"):
        common = (row.study, row.against, row.seed)
        first = first or common
        if common != first:
            raise PalimpsestError(
                f"{place}: study, against, seed are {common}, above {first}; a key is of one study"
            )
        if row.pair in pairs:
            raise PalimpsestError(f"{place}: pair {row.pair!r} is in the key twice")
        pairs[row.pair] = ImagePair(row.pair, row.method, row.sample, row.left_is_edited)
    return Study(*first, tuple(pairs.values()))


def read_answers(paths: Iterable[str | Path], study: Study) -> tuple[Answer, ...]:
    """Answers of any number of judges, in any number of files.

    Names of judges that differ only in capitals and spaces are one judge. Raises `PalimpsestError`,
    naming file and row, for a file that is missing, empty or lacks a column, an invalid row, an
    answer to another study or an unknown pair, and a pair that one judge answered twice.
    """
    known = {pair.id for pair in study.pairs}
    spelling: dict[str, str] = {}
    seen: dict[tuple[str, str], str] = {}
    answers = []
    for path in paths:
        rows = read_typed_rows(path, AnswerRow, remedy="ask the judge to save the answers again")
        for place, row in rows:
            if row.study != study.id:
                raise PalimpsestError(
                    f"{place}: answers study {row.study!r}, but the key is of study "
                    f"{study.id!r}; give the key that was made with the judge's page"
                )
            if row.pair not in known:
                raise PalimpsestError(f"{place}: pair {row.pair!r} is not in the study's key")
            name = " ".join(row.judge.split())
            judge = spelling.setdefault(name.casefold(), name)
            if (judge, row.pair) in seen:
                raise PalimpsestError(
                    f"{place}: {judge!r} answered pair {row.pair!r} before "
                    f"({seen[judge, row.pair]}); give each file once, and two judges two names"
                )
            seen[judge, row.pair] = place
            answers.append(Answer(row.pair, judge, row.answer, row.milliseconds))
    return tuple(answers)


def realism_table(study: Study, answers: Iterable[Answer], level: float = 0.95) -> pd.DataFrame:
    """One row for each method of the study, in the order of Table 2, shares in per cent.

    - ``realism_percent``: how often the method's image was taken for the real one: the mean over
      pairs of the share of a pair's judges, with its Wilson interval, ``_low`` and ``_high``. Its n
      is the number of pairs for any number of judges: answers to one pair are not independent, so
      the interval is conservative;
    - ``n``: pairs judged; ``judges``: their number; ``against``: what the method is compared with;
    - ``agreement_percent``: how often two judges gave the same answer to a pair;
    - ``kappa``: the same corrected for chance (`palimpsest.estimates.rater_agreement`).

    The estimates of a method without judgements are NaN.
    """
    by_method: dict[str, list[ImagePair]] = {}
    for pair in study.pairs:
        by_method.setdefault(pair.method, []).append(pair)
    answers = list(answers)
    rows = []
    for method in sorted(by_method, key=lambda name: order_key(name, tuple(METHODS))):
        pairs = by_method[method]
        chosen = _by_pair_and_judge(pairs, answers)
        answered = ~np.isnan(chosen)
        edited_left = np.array([[pair.left_is_edited] for pair in pairs])
        fooled = ((chosen == edited_left) & answered).sum(1)
        judged = answered.any(1)
        n = int(judged.sum())
        share = float((fooled[judged] / answered.sum(1)[judged]).mean()) if n else np.nan
        realism = wilson_share(share, n, level)
        agreed, kappa = agreement(chosen)
        rows.append(
            {
                "method": method,
                "against": study.against,
                **estimate_columns({"realism_percent": percent(realism)}),
                "n": n,
                "judges": chosen.shape[1],
                "agreement_percent": 100 * agreed,
                "kappa": kappa,
            }
        )
    return pd.DataFrame(rows)


def _by_pair_and_judge(pairs: Sequence[ImagePair], answers: Iterable[Answer]) -> np.ndarray:
    """Answers (pairs, judges): 1 for left, 0 for right, NaN for none."""
    row_of = {pair.id: row for row, pair in enumerate(pairs)}
    given = [answer for answer in answers if answer.pair in row_of]
    column_of = {name: column for column, name in enumerate(sorted({a.judge for a in given}))}
    chosen = np.full((len(pairs), len(column_of)), np.nan)
    for answer in given:
        chosen[row_of[answer.pair], column_of[answer.judge]] = answer.answer == LEFT
    return chosen
