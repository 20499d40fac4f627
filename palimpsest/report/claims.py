"""Verdicts on the paper's claims, from this run's tables only.

    for claim in judge({"table2_domes": read_rows("table2_domes.csv")}, {"fig01_rules": facts}):
        print(claim.verdict, claim.measured)

The claims are those of Bau et al. (ECCV 2020), sections 3 and 5, and each is judged by numbers:

- *efficacy*: a method comes near the best. This holds if its estimate is at most `NEAR` points
  below the best's and its interval lies above that of unmodified images. It does not hold if its
  whole interval is more than `NEAR` points below the best's estimate. Otherwise, and if no method
  gains `NEAR` points over unmodified images, it is undecided.
- *locality*: a method changes the rest of the image least or second least among the methods with an
  effect (a gain of `NEAR` points over unmodified images). It does not hold if two methods have
  intervals below its own. It is undecided if overlapping intervals could make it third, or if
  the method has no effect, since doing nothing is local too.
- *looks*: at the place of the change, the critic finds images of no method with an effect less
  spoilt. It does not hold if a method's whole interval lies below; it is undecided if intervals
  overlap, or if the method has no effect. Judged for this project's methods, where there is a
  critic.
- two estimates *differ* if their intervals do not overlap.

The paper's method is compared with the paper's other methods, this project's methods with all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from palimpsest.estimates.intervals import NOTHING, Estimate
from palimpsest.lists_in_words import listed
from palimpsest.methods.registry import METHODS, UNMODIFIED, with_rank
from palimpsest.report.layer_claims import layer_advice
from palimpsest.report.photograph_claims import photograph_claims
from palimpsest.report.sections import CLAIMS
from palimpsest.report.sentences import capital, figure_of, in_words, name_of, nth_lowest
from palimpsest.report.table_view import LABELS, NAMES, number, show

Row = Mapping[str, str]
Tables = Mapping[str, Sequence[Row]]

NEAR = 10.0
"""Percentage points that count as a gain, and as a lead."""

OWN = (
    *(name for name, method in METHODS.items() if not method.in_paper),
    "rank_one_images",
    "rank_one_each",
    "oracle_rank_one",
)
"""Rows of Tables 1 to 3 that the paper does not have."""

SUBJECTS = {name: method.subject for name, method in METHODS.items() if method.subject}
"""Names in claims of the methods whose efficacy and locality are judged."""

ERASERS = {
    "rank_one": "one rank-one rule",
    "rank_one_images": "one rank-one rule that images decide",
    "rank_one_each": "a rank-one rule for each mark",
}
ZEROED = ("zero_30_units", "zero_60_units")
MARKS = {"middle_count": "letters in the middle", "bottom_count": "letters at the bottom"}
OUTSIDE = {"perceptual_outside": "distance where there was no mark"}
"""Table 3: the rules that are judged, what they are compared with, and its columns in words."""

VERDICTS = {True: "holds", False: "does not hold at this scale", None: "undecided"}


@dataclass(frozen=True)
class Claim:
    """One claim of the paper and the verdict of this run.

    ``topic``: its key in `sections.CLAIMS`; ``measured``: the numbers in a sentence; ``holds``:
    None if undecided; ``where``: the table or figure with the numbers, "" if there is none;
    ``own``: whether the judged method is this project's own.
    """

    topic: str
    claim: str
    paper_section: str
    measured: str
    holds: bool | None
    where: str
    own: bool = False

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return VERDICTS[self.holds]


@dataclass(frozen=True)
class ComparedEdit:
    """One edit by every method: table ``rows`` by method, and the column of its ``effect``."""

    name: str
    where: str
    effect: str
    rows: Mapping[str, Row]

    def reached(self, method: str) -> Estimate:
        """The method's effect; NaN if it was not measured."""
        return figure_of(self.rows.get(method, {}), self.effect)

    def gain(self, method: str) -> float:
        """Points by which the method's estimate exceeds that of unmodified images."""
        return self.reached(method).estimate - self.reached(UNMODIFIED).estimate

    def rivals(self, method: str) -> list[str]:
        """Methods that ``method`` is compared with, itself among them, with a measured effect."""
        left_out = {UNMODIFIED} | (set() if method in OWN else set(OWN))
        names = [name for name in self.rows if name not in left_out]
        return [name for name in names if not math.isnan(self.reached(name).estimate)]


def judge(tables: Tables, facts: Mapping[str, Mapping] | None = None) -> list[Claim]:
    """All claims in the order of `CLAIMS`; claims without measurements say so.

    Args:
        tables: rows (column to text) by name of the table, from `table_view.read_rows`.
        facts: facts by name of the figure, from `figures.facts_of`.
    """
    tried = compared_edits(tables)
    found = [
        *(efficacy(edit, method) for edit in tried for method in SUBJECTS),
        *(locality(edit, method) for edit in tried for method in SUBJECTS),
        *(
            claim
            for edit in tried
            for method in SUBJECTS
            for claim in looks(edit, method, tables.get("critic_grades", ()))
        ),
        *watermarks(tables.get("table3_watermarks", ())),
        *reflections(tables.get("reflection", ())),
        *(
            _claim("layers", measured, holds, "layer_choice")
            for measured, holds in layer_advice(tables.get("layer_choice", ()))
        ),
        *reversible((facts or {}).get("fig01_rules", {})),
        *(
            _claim(topic, measured, holds, "photographs")
            for topic, measured, holds in photograph_claims(tables.get("photographs", ()))
        ),
    ]
    spoken = {claim.topic for claim in found}
    found += [_claim(topic, "Not measured.", None, "") for topic in CLAIMS if topic not in spoken]
    return sorted(found, key=lambda claim: list(CLAIMS).index(claim.topic))


def compared_edits(tables: Tables) -> list[ComparedEdit]:
    """The edits of Tables 1 and 2 that this run has."""
    found = []
    smiles = _by_edit(tables.get("table1_smile", ()))
    models = [model for model, _ in smiles]
    for (model, edit), rows in smiles.items():
        which = [name_of(model)] if len(set(models)) > 1 else []
        which += [name_of(edit)] if models.count(model) > 1 else []
        name = f"smiles ({', '.join(which)})" if which else "smiles"
        found.append(ComparedEdit(name, "table1_smile", "smiling_percent", rows))
    domes = _by_edit(tables.get("table2_domes", ()))
    edits = [edit for _, edit in domes]
    for (model, edit), rows in domes.items():
        name = NAMES.get(edit, edit) + (f" ({name_of(model)})" if edits.count(edit) > 1 else "")
        found.append(ComparedEdit(name, "table2_domes", "modified_percent", rows))
    return found


def _by_edit(rows: Iterable[Row]) -> dict[tuple[str, str], dict[str, Row]]:
    """Rows of a table by model and edit, in their order, and then by method."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.get("model", ""), row.get("edit", "")), []).append(row)
    return {edit: _by_method(of_edit) for edit, of_edit in found.items()}


def efficacy(edit: ComparedEdit, method: str) -> Claim:
    """The claim that ``method`` comes near the best of its rivals (see the module)."""
    words, rivals = f"{capital(edit.name)}, {SUBJECTS[method]}:", edit.rivals(method)
    its, before = edit.reached(method), edit.reached(UNMODIFIED)
    if method not in rivals or math.isnan(before.estimate):
        return _claim("efficacy", f"{words} not measured.", None, edit.where, method)
    best = max(rivals, key=edit.gain)
    highest = edit.reached(best)
    words += f" {LABELS[edit.effect]} {in_words(its, edit.effect)}"
    words += f", unmodified {in_words(before, edit.effect, False)}" if before.estimate else ""
    words += (
        f"; the best, {name_of(best)}, {in_words(highest, edit.effect)}" if best != method else ""
    )
    words += ", the most of all" if best == method else ""
    holds, said = None, ""
    if edit.gain(best) < NEAR:
        said = f"; no method gained {NEAR:g} points"
    elif its.high < highest.estimate - NEAR:
        holds = False
    elif its.estimate < highest.estimate - NEAR:
        said = f"; its interval, but not its estimate, is within {NEAR:g} points of the best"
    elif its.low > before.high:
        holds = True
    else:
        said = "; the gain is within the uncertainty"
    return _claim("efficacy", f"{words}{said}.", holds, edit.where, method)


def locality(edit: ComparedEdit, method: str) -> Claim:
    """The claim that ``method`` changes the rest least or second least."""
    column = "perceptual_masked"
    words, rivals = f"{capital(edit.name)}, {SUBJECTS[method]}:", edit.rivals(method)
    moved = {name: figure_of(edit.rows[name], column) for name in rivals}
    its = moved.get(method, NOTHING)
    if math.isnan(its.estimate + edit.reached(UNMODIFIED).estimate):
        return _claim("locality", f"{words} not measured.", None, edit.where, method)
    words += f" distance outside {in_words(its, column)}"
    if (gain := edit.gain(method)) < NEAR:
        words += f", but it gained only {gain:.1f} points, and an edit without effect is local too."
        return _claim("locality", words, None, edit.where, method)
    able = [name for name in rivals if edit.gain(name) >= NEAR]
    order = sorted(
        (name for name in able if not math.isnan(moved[name].estimate)),
        key=lambda name: moved[name].estimate,
    )
    words += f", {nth_lowest(order.index(method))} of {len(order)} methods with an effect"
    surely = [name for name in order if moved[name].high < its.low]
    perhaps = [name for name in order if name != method and moved[name].low < its.high]
    holds, said = None, "."
    if len(order) < 3:
        said = ": too few to compare."
    elif len(perhaps) < 2:
        holds = True
    elif len(surely) < 2:
        overlapping = (name_of(name) for name in perhaps if name not in surely)
        said = f"; its interval overlaps that of {listed(overlapping)}."
    else:
        less = listed(f"{name_of(name)} {in_words(moved[name], column, False)}" for name in surely)
        holds, said = False, f"; less: {less}.{less_done(edit, method, surely)}"
    return _claim("locality", words + said, holds, edit.where, method)


def looks(edit: ComparedEdit, method: str, grades: Sequence[Row] = ()) -> list[Claim]:
    """The claim that no method with an effect spoils images less than ``method``, one of this
    project's; no claim for other methods and without a critic. ``grades``: of the critics, to say
    where the critic itself is mistaken."""
    column = "critic_drop"
    drops = {name: figure_of(edit.rows[name], column) for name in edit.rivals(method)}
    its = drops.get(method, NOTHING)
    if method not in OWN or math.isnan(its.estimate):
        return []
    words = f"{capital(edit.name)}, {SUBJECTS[method]}: the critic’s drop {in_words(its, column)}"
    if (gain := edit.gain(method)) < NEAR:
        words += f", but it gained only {gain:.1f} points; without an effect nothing is spoilt."
        return [_claim("looks", words, None, edit.where, method)]
    able = [name for name in drops if name != method and edit.gain(name) >= NEAR]
    less = [name for name in able if drops[name].high < its.low]
    perhaps = [name for name in able if name not in less and not drops[name].low > its.high]
    holds: bool | None = True
    words += f", of {len(able) + 1} methods with an effect"
    if less:
        told = listed(f"{name_of(one)} {in_words(drops[one], column, False)}" for one in less)
        holds, words = False, f"{words}; less: {told}.{less_done(edit, method, less)}"
        words += mistaken(edit.rows[method], grades)
    elif perhaps:
        overlapping = listed(map(name_of, perhaps))
        holds, words = None, f"{words}; its interval overlaps that of {overlapping}."
    else:
        words += ", the smallest."
    return [_claim("looks", words, holds, edit.where, method)]


def mistaken(row: Row, grades: Sequence[Row]) -> str:
    """A sentence on what the critic surely prefers to the world's own images of the rule of a
    table's ``row``; empty if there is nothing such in its ``grades``."""
    column, rule = "preferred_percent", (row.get("model"), row.get("edit"))
    found = [
        f"to a {grade['kind']} in only {in_words(figure_of(grade, column), column)}"
        for grade in grades
        if (grade.get("model"), grade.get("rule")) == rule and figure_of(grade, column).high < 50
    ]
    if not found:
        return ""
    opening = " The critic is mistaken about this rule: it prefers the world’s own image"
    return f"{opening} {listed(found)} of the scenes."


def less_done(edit: ComparedEdit, method: str, others: Sequence[str]) -> str:
    """A sentence that all ``others`` have less effect, if their intervals lie below; else empty."""
    its, reached = edit.reached(method), [edit.reached(name) for name in others]
    if not all(found.high < its.low for found in reached):
        return ""
    theirs = listed(in_words(found, edit.effect, False) for found in reached)
    return f" They also have less effect: {theirs} against {in_words(its, edit.effect, False)}."


def watermarks(rows: Sequence[Row]) -> list[Claim]:
    """Claims that rank-one rules leave fewer marks than silenced units, and change less outside."""
    by_method = _by_method(rows)
    rivals = [name for name in ZEROED if name in by_method]
    erasers = [name for name in ERASERS if name in by_method and rivals]
    n = show("n", rows[0].get("n", "")) if erasers else ""
    before = {mark: figure_of(by_method.get(UNMODIFIED, {}), mark) for mark in MARKS}
    bore = listed(f"the {words} in {in_words(before[m], m, False)}" for m, words in MARKS.items())
    found = []
    for method in erasers:
        head = f"{capital(ERASERS[method])}: "
        opening = f"{head}before, of {n} images, {bore}. Left: "
        left = [
            f"{words} ({in_words(its, mark, False)} left of {in_words(before[mark], mark, False)})"
            for mark, words in MARKS.items()
            if not (its := figure_of(by_method[method], mark)).high < before[mark].low
        ]
        closing = f" But it did not clearly reduce the {listed(left)}." if left else ""
        found += [
            _below("fewer_marks", by_method, method, rivals, MARKS, opening),
            _below("marks_locality", by_method, method, rivals, OUTSIDE, head, closing),
        ]
    return found


def _below(
    topic: str,
    rows: Mapping[str, Row],
    method: str,
    rivals: Sequence[str],
    columns: Mapping[str, str],
    opening: str,
    closing: str = "",
) -> Claim:
    """The claim that ``method`` has intervals below those of all ``rivals`` in all ``columns``."""
    words, above, unsure = [], [], []
    for column, meaning in columns.items():
        its = figure_of(rows[method], column)
        others = {name: figure_of(rows[name], column) for name in rivals}
        against = listed(
            f"{name_of(name)} {in_words(found, column)}" for name, found in others.items()
        )
        words.append(f"{meaning} {in_words(its, column)}, {against}.")
        for name, other in others.items():
            if its.low > other.high:
                above.append(f"{meaning} against {name_of(name)}")
            elif not its.high < other.low:  # overlapping, or not measured
                unsure.append(f"{meaning} against {name_of(name)}")
    words += [f"Fails: {listed(above)}."] if above else []
    words += [f"Undecided: {listed(unsure)}."] if unsure and len(columns) > 1 else []
    holds = False if above else None if unsure else True
    measured = opening + " ".join([words[0], *map(capital, words[1:])]) + closing
    return _claim(topic, measured, holds, "table3_watermarks", method)


def reflections(rows: Sequence[Row]) -> list[Claim]:
    """The claim that the rule's interval is above 0 before, and below 0 after, a low-rank edit.

    The low-rank edit is the one of the lowest rank, compared with the original in its layer.
    """
    column = "reflection_rule"
    edits = [row for row in rows if row.get("rule") == "rewritten" and number(row["rank"])]
    edit = min(edits, key=lambda row: number(row["rank"]), default={})
    originals = [row for row in rows if row.get("rule") == "original"]
    original = next((row for row in originals if row["layer"] == edit.get("layer")), {})
    before, after = figure_of(original, column), figure_of(edit, column)
    if math.isnan(before.estimate + after.estimate):
        return []
    holds = True if before.low > 0 > after.high else None
    if before.high < 0 or after.low > 0:
        holds = False
    words = (
        "Brightness of the table’s echo with the windows lit, minus that without (black to white "
        f"is 1): {in_words(before, column)} before, {in_words(after, column)} after a change of "
        f"rank {edit['rank']} in layer {edit['layer']}, over {show('n', edit.get('n', ''))} "
        "samples."
    )
    return [_claim("reflections", words, holds, "reflection")]


def reversible(facts: Mapping) -> list[Claim]:
    """The claim that the edits of figure 1 can be removed bit for bit, checked with its panel."""
    if "restored" not in facts:
        return []
    outcome = "gave back" if facts["restored"] else "did not give back"
    words = (
        f"{len(facts['sessions'])} edits removed again, in each of {facts['orders_checked']} "
        f"orders, {outcome} the original weights bit for bit."
    )
    return [_claim("reversible", words, bool(facts["restored"]), "fig01_rules")]


def _claim(topic: str, measured: str, holds: bool | None, where: str, method: str = "") -> Claim:
    return Claim(topic, *CLAIMS[topic], measured, holds, where, method in OWN)


def _by_method(rows: Iterable[Row]) -> dict[str, Row]:
    """Rows by method; those of further ranks are left out, since a claim is about one method."""
    named = {row["method"]: row for row in rows if row.get("method")}
    return {method: row for method, row in named.items() if with_rank(method)[1] is None}
