"""What a run makes of given parameters and a given folder, planned without Snakemake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from palimpsest.errors import ParameterError
from palimpsest.pipeline.parameters import merge
from palimpsest.pipeline.plan import one_of
from tests.doubles.small_plan import PUBLISHED, folder, names, plan, write

__all__ = ["folder"]


def test_a_world_draws_every_session_in_the_parameters(folder: Path) -> None:
    made = plan(folder)
    assert made.sessions("church") == ["add_people", "dome2spire", "remove_window"]
    assert made.sessions_from_labels("church") == ["dome2spire", "add_people", "remove_window"]
    assert made.all_sessions[-1] == ("kitchen", "remove_panes")
    assert made.session_file("church", "add_people") == "results/sessions/church/add_people.json"


def test_a_session_drawn_by_hand_takes_the_place_of_the_drawn_one(folder: Path) -> None:
    write(folder, "data/sessions/church/add_people.json", {"layer": 10})
    write(folder, "data/sessions/church/my_idea.json", {})
    made = plan(folder)
    assert made.sessions_from_labels("church") == ["dome2spire", "remove_window"]
    assert made.session_file("church", "add_people") == "data/sessions/church/add_people.json"
    assert made.session_layer("church", "add_people") == 10
    assert made.session_layer("church", "my_idea") == 6  # the model's
    assert "data/edits/church/my_idea.safetensors" in made.session_edits


def test_a_session_drawn_at_another_truncation_has_its_own_statistics(folder: Path) -> None:
    write(folder, "data/sessions/church/near.json", {"layer": 6, "truncation": 0.7})
    write(folder, "data/sessions/church/own.json", {"layer": 6, "truncation": 1})
    made = plan(folder)
    file = "data/statistics/church/layer6-truncation0.7.safetensors"
    assert made.session_statistics_file("church", "near") == file
    assert file in made.statistics_files
    assert made.truncation_named("church", "-truncation0.7") == 0.7
    own = made.statistics_file("church", 6)
    assert made.session_statistics_file("church", "own") == own
    assert made.truncation_named("church", "") == made.session_truncation("church", "own") == 1.0


@pytest.mark.parametrize("truncation", ["0.7", True, -0.1, 1.5])
def test_a_truncation_out_of_range_is_named(folder: Path, truncation: object) -> None:
    write(folder, "data/sessions/church/near.json", {"truncation": truncation})
    with pytest.raises(ParameterError, match=r"near\.json: field truncation"):
        plan(folder)


def test_a_hand_drawn_session_takes_the_place_of_a_published_one(folder: Path) -> None:
    published = {"models": {"church": PUBLISHED | {"segmenter": "parser.pt"}}}
    assert plan(folder, published).fetched_sessions("church") == PUBLISHED["fetched_sessions"]
    write(folder, "data/sessions/church/dome2spire.json", {})
    made = plan(folder, published)
    assert made.fetched_sessions("church") == {} and made.all_fetched_sessions == {}
    assert made.session_file("church", "dome2spire") == "data/sessions/church/dome2spire.json"


def test_two_models_may_have_a_hand_drawn_session_of_one_name(folder: Path) -> None:
    write(folder, "data/sessions/kitchen/dome2spire.json", {"layer": 7})
    made = plan(folder)
    assert made.measured_sessions == {"dome2spire": ("church", "dome2spire")}
    assert made.session_layer("kitchen", "dome2spire") == 7
    assert {
        "data/edits/church/dome2spire.safetensors",
        "data/edits/kitchen/dome2spire.safetensors",
    } <= set(made.session_edits)


@pytest.mark.parametrize("content", ["{", "[]", {"layer": "six"}])
def test_a_hand_drawn_file_that_is_not_a_session_is_named(folder: Path, content: object) -> None:
    write(folder, "data/sessions/church/my_idea.json", content)
    with pytest.raises(ParameterError, match=r"^data/sessions/church/my_idea.json: not a session"):
        plan(folder)


def test_a_session_edits_its_own_layer_or_that_of_its_model(folder: Path) -> None:
    made = plan(folder)
    assert made.session_layer("church", "remove_window") == 8
    assert made.session_layer("church", "add_people") == 6
    assert made.session_layer("kitchen", "remove_panes") == 5  # the adopted one
    files = [
        "results/sessions/church/add_people.json",
        "results/sessions/church/remove_window.json",
    ]
    assert made.sessions_with_layers("church", files) == ["add_people@6", "remove_window@8"]
    assert made.own_layers("church") == {"remove_window": 8} and made.own_layers("kitchen") == {}
    assert made.statistics_files == [
        "data/statistics/church/layer5.safetensors",  # of the watermarks
        "data/statistics/church/layer6.safetensors",
        "data/statistics/church/layer8.safetensors",
        "data/statistics/kitchen/layer5.safetensors",
    ]


def test_a_model_without_a_layer_is_named_with_what_to_do(folder: Path) -> None:
    (folder / "data/layer_choice.csv").unlink()
    with pytest.raises(ParameterError, match=r"^models.kitchen.layer: null.*make adopt-layers"):
        plan(folder)


def test_a_sessions_own_edit_stands_for_its_method_too(folder: Path) -> None:
    made = plan(folder)
    own = "data/edits/church/dome2spire.safetensors"
    assert made.edit_file("church", "dome2spire") == own
    assert made.edit_file("church", "dome2spire", "palimpsest") == own
    newton = "data/edits/church/dome2spire/newton.safetensors"
    assert made.edit_file("church", "dome2spire", "newton") == newton
    assert made.measured_edits("church", "dome2spire")["newton"] == newton
    assert list(made.measured_edits("church", "dome2spire"))[-1] == "palimpsest"
    assert own not in made.further_edits and newton in made.further_edits


def test_a_method_gets_only_the_settings_that_it_reads(folder: Path) -> None:
    made = plan(folder)
    newton = made.method_settings("church", "add_people", "newton")
    assert newton["mu"] == 0.3 and newton["exemplars"] == 1
    assert "mu" not in made.method_settings("church", "add_people", "direct_lambda")
    own = made.method_settings("church", "dome2spire", "palimpsest")
    assert own["source"] == ("dome",) and own["targets"] == ("spire",)
    assert own == made.method_settings("church", "dome2spire")


def test_measured_sessions_make_the_tables_of_methods(folder: Path) -> None:
    made = plan(folder)
    church = {"dome2spire": ("church", "dome2spire")}
    assert made.measured_sessions == church
    assert made.method_tables == {"table1_smile": {}, "table2_domes": church}
    assert "table2_domes" in names(made.tables) and "table1_smile" not in names(made.tables)


def test_a_model_without_segmenter_has_no_measured_sessions(folder: Path) -> None:
    made = plan(folder, {"models": {"church": PUBLISHED}})
    assert made.sessions("church") == ["dome2spire"]
    assert made.measured_sessions == {} and made.models_with_world == ["kitchen"]
    assert made.segmenter_files("church") == [] and made.panels == ["fig04_part"]


SMILE = {"sessions": {"church": {"smile": {"measure": {"source": ["lips"], "attribute": "smile"}}}}}


def test_an_attribute_is_measured_by_the_classifier_of_its_name(folder: Path) -> None:
    classifiers = {"models": {"church": {"classifiers": ["a-hat.pt", "a-smile.pt"]}}}
    made = plan(folder, merge(SMILE, classifiers))
    assert made.classifier_files("church", "smile") == ["a-smile.pt"]
    assert made.classifier_files("church", "dome2spire") == []
    assert made.method_tables["table1_smile"] == {"smile": ("church", "smile")}
    assert made.edits_in_table("table1_smile", ["a.parquet"]) == {"church/smile": "a.parquet"}
    with pytest.raises(ParameterError, match=r"^sessions.church.smile.measure: .*'smile'"):
        plan(folder, SMILE)


def test_a_measured_session_is_also_solved_at_its_further_ranks(folder: Path) -> None:
    made = plan(folder, {"sessions": {"church": {"dome2spire": {"further_ranks": [4]}}}})
    edit = "data/edits/church/dome2spire/palimpsest_rank_4.safetensors"
    assert list(made.measured_edits("church", "dome2spire").items())[-1] == (
        "palimpsest_rank_4",
        edit,
    )
    assert edit in made.further_edits and "palimpsest_rank_4" in made.rewriting_methods
    settings = made.method_settings("church", "dome2spire", "palimpsest_rank_4")
    own = made.method_settings("church", "dome2spire")
    assert settings["rank"] == 4 and own["rank"] is None and settings == own | {"rank": 4}
    assert "palimpsest_rank_4" not in plan(folder).rewriting_methods


def test_a_session_is_tried_at_its_candidate_layers_by_its_own_method(folder: Path) -> None:
    more = {"candidate_layers": [8, 7], "further_ranks": [4]}
    made = plan(folder, {"sessions": {"church": {"dome2spire": more}}})
    session = ("church", "dome2spire")
    files = [f"data/statistics/church/layer{layer}.safetensors" for layer in (6, 8, 7)]
    for method in (None, "palimpsest", "palimpsest_rank_4"):
        assert made.tried_layers(*session, method) == [6, 8, 7]
        assert made.tried_statistics_files(*session, method) == files
    for method in ("newton", "projected_gradient"):
        assert made.tried_statistics_files(*session, method) == files[:1]
    assert made.session_layer(*session) == 6 and files[2] in made.statistics_files
    usual = plan(folder)
    assert usual.tried_layers(*session) == [6] and files[2] not in usual.statistics_files
    assert made.method_settings(*session) == usual.method_settings(*session)

    # one drawn by hand at a candidate is tried there once, and at its own truncation
    write(folder, "data/sessions/church/dome2spire.json", {"layer": 7, "truncation": 0.7})
    by_hand = plan(folder, {"sessions": {"church": {"dome2spire": more}}})
    assert by_hand.tried_statistics_files(*session) == [
        f"data/statistics/church/layer{layer}-truncation0.7.safetensors" for layer in (7, 8)
    ]


def test_a_session_may_have_its_own_settings_of_a_method(folder: Path) -> None:
    own = {"palimpsest": {"candidate_exemplars": 20, "exemplars": 20}}
    made = plan(folder, {"sessions": {"church": {"dome2spire": {"methods": own}}}})
    usual = plan(folder).method_settings("church", "dome2spire", "palimpsest")
    settings = made.method_settings("church", "dome2spire", "palimpsest")
    assert settings == usual | own["palimpsest"] and settings != usual
    other = plan(folder).method_settings("church", "dome2spire", "newton")
    assert made.method_settings("church", "dome2spire", "newton") == other
    measured = plan(folder).parameters.measure.seed
    for wrong in (
        {"palimpsest": {"exemplar": 2}},
        {"no_such": {}},
        {"palimpsest": {"tuning_seed": measured}},  # the samples that are measured
    ):
        with pytest.raises(ParameterError, match="sessions.church.dome2spire"):
            plan(folder, {"sessions": {"church": {"dome2spire": {"methods": wrong}}}})
    few = {"palimpsest": {"candidate_exemplars": 1}}  # fewer than the exemplars of all sessions
    made = plan(folder, {"sessions": {"church": {"dome2spire": {"methods": few}}}})
    with pytest.raises(ParameterError, match="sessions.church.dome2spire.methods.palimpsest"):
        made.method_settings("church", "dome2spire", "palimpsest")


def test_a_study_with_a_key_makes_its_table(folder: Path) -> None:
    write(folder, "data/studies/dome2spire/key.csv")
    write(folder, "data/studies/dome2spire/answers-bob.csv")
    write(folder, "data/studies/dome2spire/answers-ann.csv")
    write(folder, "data/studies/add_people/answers-ann.csv")
    made = plan(folder)
    assert "realism_dome2spire" in names(made.tables)
    assert list(made.judged_sessions(made.measured_sessions)) == ["dome2spire"]
    judged = made.judged_in_table("table2_domes", ["realism.csv"])
    assert judged == {"church/dome2spire": "realism.csv"}
    answers = [f"data/studies/dome2spire/answers-{judge}.csv" for judge in ("ann", "bob")]
    assert made.study_answers("dome2spire") == answers


def test_a_figure_is_drawn_if_all_its_sessions_are_there(folder: Path) -> None:
    made = plan(folder)
    assert made.panels == ["fig01_rules", "fig04_part", "fig04_comparison"]
    assert names(made.figures) == [
        "fig01_rules",
        "fig04_comparison",
        "fig05_watermarks",
        "fig06_reflections",
        "fig13",
        "fig14",
        "figS10_renders",
        "figS2_tradeoff",
        "figS3_generator_church",
        "figS3_generator_kitchen",
        "figS6_units",
    ]
    write(folder, "data/sessions/church/hat.json", {})
    assert "fig07_hats" in names(plan(folder).figures)


def test_a_figure_is_drawn_from_its_parts_or_from_a_measuring_job(folder: Path) -> None:
    made = plan(folder)
    parts = ["results/panels/fig04_part.npz", "results/panels/fig04_comparison.npz"]
    assert made.figure_panels("fig04_comparison") == parts
    assert made.figure_panels("fig01_rules") == ["results/panels/fig01_rules.npz"]
    measured = "results/measurements/panels"
    assert made.figure_panels("fig14") == [f"{measured}/pieces_church.npz"]
    assert made.figure_panels("figS2_tradeoff") == [f"{measured}/figS2_tradeoff.npz"]


def test_a_figure_of_methods_shows_their_edits_and_transfers(folder: Path) -> None:
    made = plan(folder)
    assert made.figure_edits("fig01_rules") == {
        "add_people": "data/edits/church/add_people.safetensors",
        "dome2spire": "data/edits/church/dome2spire.safetensors",
    }
    assert made.figure_edits("fig04_comparison") == {
        "dome2spire/direct_lambda": "data/edits/church/dome2spire/direct_lambda.safetensors",
        "dome2spire/palimpsest": "data/edits/church/dome2spire.safetensors",
    }
    changes = {
        "sessions": {"church": {"dome2spire": {"further_ranks": [4]}}},
        "figures": {"fig04_comparison": {"methods": "all"}},
    }
    shown = plan(folder, changes).figure_edits("fig04_comparison")
    file = "data/edits/church/dome2spire/palimpsest_rank_4.safetensors"
    assert shown["dome2spire/palimpsest_rank_4"] == file
    settings = made.figure_image_methods("fig04_comparison")
    assert settings == {"nbb_copy": made.parameters.best_buddies.model_dump()}
    assert made.figure_image_methods("fig01_rules") == {}
    layer = "data/statistics/church/layer6.safetensors"
    assert made.figure_statistics_file("fig01_rules") == layer


def test_everything_that_is_planned_is_planned_once(folder: Path) -> None:
    made = plan(folder)
    for files in (
        made.weight_files,
        made.statistics_files,
        made.session_edits + made.further_edits,
        made.tables,
        made.figures,
    ):
        assert files and len(set(files)) == len(files)


def test_a_wildcard_is_one_of_the_names_and_nothing_else() -> None:
    pattern = one_of(["a.b", "c"])
    assert re.fullmatch(pattern, "a.b") and re.fullmatch(pattern, "c")
    assert not re.fullmatch(pattern, "axb")
    assert not re.fullmatch(one_of([]), "none") and not re.fullmatch(one_of([]), "")
