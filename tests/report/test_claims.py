"""What is said of the paper's claims follows from the tables' numbers, and from nothing else."""

import pytest

from palimpsest.report.claims import (
    SUBJECTS,
    ComparedEdit,
    compared_edits,
    efficacy,
    judge,
    locality,
    looks,
    reflections,
    reversible,
    watermarks,
)
from palimpsest.report.sections import CLAIMS, SECTIONS, arrange, figure_title, table_title

PAPERS = "projected_gradient"


def figure(column, value, spread):
    """A figure and its interval as a CSV has them."""
    ends = (("", value), ("_low", value - spread), ("_high", value + spread))
    return {column + end: str(number) for end, number in ends}


def compared(*rows, unmodified=(0.0, 0.0)):
    """Rows (method, effect, spread, distance, spread) beside the unmodified images."""
    told = {
        method: {"method": method}
        | figure("modified_percent", effect, spread)
        | figure("perceptual_masked", distance, apart)
        for method, effect, spread, distance, apart in rows
    }
    told["unmodified"] = {"method": "unmodified", **figure("modified_percent", *unmodified)}
    return ComparedEdit("dome → spire", "table2_domes", "modified_percent", told)


def by_effect(effect, spread, *others, unmodified=(0.0, 0.0)):
    """The paper's method with this effect, and others (effect, spread)."""
    names = ("direct_lambda", "single_layer", "finetune_all")
    rows = [(PAPERS, effect, spread, 0.1, 0.01)]
    rows += [(name, *other, 0.1, 0.01) for name, other in zip(names, others, strict=False)]
    return efficacy(compared(*rows, unmodified=unmodified), PAPERS)


@pytest.mark.parametrize(
    ("its", "best", "holds"),
    [
        ((50, 2), (40, 2), True),  # the best itself
        ((45, 2), (54.9, 2), True),  # 9.9 points below
        ((45, 2), (60, 2), False),  # 13 points below at the least
        ((45, 6), (60, 2), None),  # 15 below, but perhaps 9
        ((3, 1), (9, 1), None),  # no method gained 10 points
        ((5, 6), (14, 2), None),  # near the best, yet perhaps no gain at all
    ],
)
def test_efficacy_is_nearness_to_the_best(its, best, holds):
    claim = by_effect(*its, best)
    assert claim.holds is holds
    assert f"{its[0]:.1f} %" in claim.measured
    assert "the most of all" in claim.measured or f"{best[0]:.1f} %" in claim.measured


def drops(*rows):
    """Rows (method, effect, critic's drop, spread) of one edit."""
    edit = compared(*((method, effect, 1, 0.1, 0.01) for method, effect, _, _ in rows))
    for method, _, drop, spread in rows:
        edit.rows[method].update(figure("critic_drop", drop, spread))
    return edit


@pytest.mark.parametrize(
    ("others", "holds", "said"),
    [
        ((("newton", 40, 0.2, 0.01), (PAPERS, 30, 0.3, 0.01)), True, "the smallest"),
        ((("newton", 4, 0.01, 0.001),), True, "the smallest"),  # without an effect
        ((("newton", 40, 0.11, 0.02),), None, "overlaps that of"),
        ((("newton", 40, 0.05, 0.01),), False, "less: "),
    ],
)
def test_looks_are_those_that_the_critic_finds_least_spoilt(others, holds, said):
    (claim,) = looks(drops(("palimpsest", 60, 0.1, 0.02), *others), "palimpsest")
    assert claim.holds is holds and said in claim.measured and claim.own
    assert claim.topic == "looks"


def test_it_is_said_where_the_critic_prefers_a_fault_to_the_worlds_own_image():
    edit = drops(("palimpsest", 60, 0.1, 0.02), ("newton", 40, 0.05, 0.01))
    edit.rows["palimpsest"].update(model="face", edit="smile")
    grades = [
        {"model": "face", "rule": "smile", "kind": kind, **figure("preferred_percent", share, 4)}
        for kind, share in (("ghost", 91), ("blur", 48), ("collage", 8))
    ]
    (claim,) = looks(edit, "palimpsest", grades)
    said = "prefers the world’s own image to a collage in only 8.0 % (4.0 to 12.0) of the scenes."
    assert claim.measured.endswith(said) and "blur" not in claim.measured
    other = [grade | {"rule": "hat"} for grade in grades]
    assert "mistaken" not in looks(edit, "palimpsest", other)[0].measured


def test_looks_of_an_edit_without_effect_or_without_a_critic():
    (claim,) = looks(drops(("palimpsest", 5, 0.0, 0.01), (PAPERS, 60, 0.2, 0.01)), "palimpsest")
    assert claim.holds is None and "gained only 5.0 points" in claim.measured
    assert looks(compared(("palimpsest", 60, 1, 0.1, 0.01)), "palimpsest") == []
    assert looks(drops((PAPERS, 60, 0.2, 0.01)), PAPERS) == [], "the paper has no critic"


def test_a_gain_is_over_what_was_there_before():
    """Where 43 % smile anyway, 50 % is a gain of 7 points."""
    claim = by_effect(48, 2, (50, 2), unmodified=(43, 2))
    assert claim.holds is None and "no method gained 10 points" in claim.measured
    assert by_effect(78, 2, (80, 2), unmodified=(43, 2)).holds is True


def test_the_papers_method_is_held_against_the_papers_others():
    both = compared(
        (PAPERS, 50, 2, 0.01, 0.001), ("single_layer", 52, 2, 0.2, 0.01), ("newton", 90, 2, 0.1, 0)
    )
    assert efficacy(both, PAPERS).holds is True
    both = compared(
        ("newton", 90, 2, 0.1, 0), ("palimpsest", 60, 2, 0.1, 0), (PAPERS, 1, 1, 0.1, 0)
    )
    mine = efficacy(both, "palimpsest")
    assert mine.holds is False and "newton, 90.0 %" in mine.measured
    assert mine.own and not efficacy(both, PAPERS).own


def by_distance(*distances, effects=(50, 50, 50, 50)):
    """The paper's method first, each (distance, spread)."""
    names = (PAPERS, "direct_lambda", "single_layer", "finetune_all")
    rows = [
        (name, effect, 2, *distance)
        for name, effect, distance in zip(names, effects, distances, strict=False)
    ]
    return locality(compared(*rows), PAPERS)


@pytest.mark.parametrize(
    ("its", "others", "holds"),
    [
        ((0.1, 0.01), ((0.2, 0.01), (0.3, 0.01)), True),  # lowest
        ((0.2, 0.01), ((0.1, 0.01), (0.3, 0.01)), True),  # second lowest
        ((0.3, 0.01), ((0.1, 0.01), (0.2, 0.01)), False),
        ((0.21, 0.02), ((0.1, 0.01), (0.2, 0.02)), None),  # second or third
        ((0.1, 0.01), ((0.2, 0.01),), None),  # of two, second is last
    ],
)
def test_locality_is_a_place_among_those_with_an_effect(its, others, holds):
    claim = by_distance(its, *others)
    assert claim.holds is holds and f"{its[0]:.3g}" in claim.measured


def test_doing_nothing_is_not_local():
    assert by_distance((0.0, 0.0), (0.2, 0), (0.3, 0), effects=(2, 50, 50)).holds is None
    # nor does a rival that does nothing push it down to third
    rest = ((0.1, 0.0), (0.15, 0.0), (0.3, 0.0))
    assert by_distance((0.2, 0.0), *rest, effects=(50, 50, 2, 50)).holds is True
    assert by_distance((0.2, 0.0), *rest, effects=(50, 50, 50, 50)).holds is False


def test_a_reason_is_given_only_if_the_numbers_bear_it():
    distances = ((0.3, 0.0), (0.1, 0.0), (0.2, 0.0), (0.4, 0.0))
    less = by_distance(*distances, effects=(50, 20, 30, 60))
    assert "They also have less effect: 20.0 % and 30.0 % against 50.0 %" in less.measured
    assert "less effect" not in by_distance(*distances, effects=(50, 20, 49, 60)).measured


def mark_rows(rank_one, zeroed, distance=(0.02, 0.09), spread=10):
    """Table 3 with counts (middle, bottom) of the rule and of either number of silenced units."""
    rows = []
    for method, (middle, bottom), apart in (
        ("zero_30_units", zeroed, distance[1]),
        ("zero_60_units", zeroed, distance[1]),
        ("rank_one", rank_one, distance[0]),
        ("unmodified", (240, 230), 0.0),
    ):
        rows.append(
            {"method": method, "n": "1000"}
            | figure("middle_count", middle, spread)
            | figure("bottom_count", bottom, spread)
            | figure("perceptual_outside", apart, 0.01)
        )
    return rows


def test_watermarks_say_which_comparison_fails():
    fewer, moved = watermarks(mark_rows((20, 10), (80, 60)))
    assert fewer.holds is True and moved.holds is True and "But" not in moved.measured
    assert "of 1,000 images, the letters in the middle in 240" in fewer.measured
    fewer, moved = watermarks(mark_rows((230, 10), (80, 60)))
    assert fewer.holds is False
    fails = fewer.measured.partition("Fails:")[2]
    assert "middle against 30 units" in fails and "strip" not in fails
    # moved less, but half its work is undone: that is said
    assert (
        moved.holds is True and "did not clearly reduce the letters in the middle" in moved.measured
    )
    fewer, moved = watermarks(mark_rows((20, 10), (80, 15), distance=(0.09, 0.085)))
    assert fewer.holds is None and moved.holds is None
    assert "Undecided: letters at the bottom against 30 units" in fewer.measured


def reflection_rows(before, after, spread=0.01):
    rows = [("original", 0, 0.25), ("rewritten", 144, -0.2)]
    rows = [(6, *row) for row in rows] + [(7, "original", 0, before), (7, "rewritten", 1, after)]
    return [
        {"layer": str(layer), "rule": rule, "rank": str(rank), "n": "60"}
        | figure("reflection_rule", value, spread)
        for layer, rule, rank, value in rows
    ]


@pytest.mark.parametrize(
    ("before", "after", "holds"),
    [(0.25, -0.17, True), (0.25, 0.1, False), (0.25, -0.005, None), (0.005, -0.1, None)],
)
def test_reflections_are_judged_by_the_low_rank_edit(before, after, holds):
    (claim,) = reflections(reflection_rows(before, after))
    assert claim.holds is holds and "rank 1 in layer 7" in claim.measured


def test_reversible_is_what_was_checked():
    facts = {"restored": True, "sessions": ["a", "b", "c"], "orders_checked": 6}
    (claim,) = reversible(facts)
    assert claim.holds is True and "3 edits" in claim.measured and "6 orders" in claim.measured
    (claim,) = reversible(facts | {"restored": False})
    assert claim.holds is False and "did not give back" in claim.measured
    assert claim.verdict == "does not hold at this scale"


def test_what_was_not_measured_cannot_be_told():
    claims = judge({})
    assert [claim.topic for claim in claims] == list(CLAIMS)
    assert all(claim.holds is None and claim.where == "" for claim in claims)
    # rows without intervals, or without the method, compare with nothing
    bare = [{"method": PAPERS, "smiling_percent": "80"}, {"method": "unmodified"}]
    smiles = [claim for claim in judge({"table1_smile": bare}) if claim.where]
    assert len(smiles) == 2 * len(SUBJECTS)
    assert all(c.holds is None and c.measured.endswith("not measured.") for c in smiles)
    assert judge({"table3_watermarks": [{"method": "rank_one"}], "reflection": [{}]}) == claims


def test_every_edit_of_the_tables_is_judged():
    rows = [
        {"edit": edit, **row}
        for edit in ("dome2spire", "dome2tree")
        for row in compared((PAPERS, 50, 2, 0.1, 0.01)).rows.values()
    ]
    claims = judge({"table2_domes": rows}, {"fig01_rules": {"scale": "mini"}})
    heads = [claim.measured.partition(",")[0] for claim in claims if claim.topic == "efficacy"]
    assert heads == ["Dome → spire"] * 2 + ["Dome → tree"] * 2


def test_edits_of_one_name_are_judged_for_each_model():
    one = compared(("palimpsest", 50, 2, 0.1, 0.01), ("newton", 20, 2, 0.1, 0.01))
    table = [
        {"model": model, "edit": edit, **row}
        for model, edit in (("church", "spire2tree"), ("old", "spire2tree"), ("old", "dome2tree"))
        for row in one.rows.values()
    ]
    edits = compared_edits({"table2_domes": table})
    named = ["spire2tree (church)", "spire2tree (old)", "dome → tree"]
    assert [edit.name for edit in edits] == named
    assert all(edit.rows.keys() == one.rows.keys() for edit in edits)


def test_smiles_of_every_model_are_judged_without_rows_of_further_ranks():
    def rows(model, effect):
        own = compared(("palimpsest", effect, 2, 0.1, 0.01), ("newton", 20, 2, 0.1, 0.01)).rows
        told = [{"model": model, **row} for row in own.values()]
        higher = {"model": model, "method": "palimpsest_rank_4"}
        told.append(higher | figure("modified_percent", 99, 1) | figure("perceptual_masked", 0, 0))
        names = [(end, f"smiling_percent{end}") for end in ("", "_low", "_high")]
        return [row | {new: row[f"modified_percent{end}"] for end, new in names} for row in told]

    table = [*rows("face", 50), *rows("photo_faces", 5)]
    claims = [c for c in judge({"table1_smile": table}) if c.topic == "efficacy" and c.where]
    mine = [claim for claim in claims if "palimpsest" in claim.measured.partition(":")[0]]
    heads = [claim.measured.partition(",")[0] for claim in mine]
    assert heads == ["Smiles (face)", "Smiles (photographed faces)"]
    assert [claim.holds for claim in mine] == [True, False]
    assert "99" not in " ".join(claim.measured for claim in claims)
    two = [row | {"edit": edit} for edit in ("smile", "grin") for row in rows("face", 50)]
    names = {c.measured.partition(":")[0] for c in judge({"table1_smile": two}) if c.where}
    assert {name.rpartition(",")[0] for name in names} == {"Smiles (smile)", "Smiles (grin)"}
    alone = judge({"table1_smile": rows("face", 50)})
    assert [c for c in alone if c.measured.startswith("Smiles, palimpsest")]


def test_sections_lose_nothing():
    names = ["mine", "table2_domes", "figS3_generator_face", "fig02_memory", "realism_smile"]
    names += ["figS3_generator_church", "table1_smile", "mine"]
    arranged = {section.key: shown for section, shown in arrange(names)}
    assert arranged == {
        "memory": ["fig02_memory"],
        "replacing": ["table1_smile", "table2_domes", "realism_smile"],
        "trust": ["figS3_generator_church", "figS3_generator_face"],
        "more": ["mine"],
    }
    assert list(arranged) == ["memory", "replacing", "trust", "more"]
    assert arrange([]) == []


def test_what_a_section_names_has_a_title():
    for section in SECTIONS:
        assert section.lead.count(".") in (2, 3, 4)
        for name in section.shows:
            if name.startswith("fig") and "*" not in name:
                assert figure_title(name).startswith("Figure ")
            elif not name.startswith("fig"):
                title, about = table_title(name.rstrip("*"))
                assert title and about, name
    assert table_title("realism_smile")[0] == "Judged by people: + smiles"
