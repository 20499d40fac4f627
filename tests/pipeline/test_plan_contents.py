"""What a run makes of given parameters and a given folder, planned without Snakemake."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from palimpsest.errors import ParameterError
from palimpsest.experiments.comparison.settings import ChangedClasses
from palimpsest.pipeline.parameters import merge, parse_parameters
from palimpsest.pipeline.plan import Plan, one_of

ROOT = Path(__file__).parents[2]

CHURCH = {
    "weights": "church.safetensors",
    "segmenter": "church-segmenter.safetensors",
    "world": "church",
    "truncation": 1.0,
    "layer": 6,
}
KITCHEN = CHURCH | {
    "weights": "kitchen.safetensors",
    "segmenter": "kitchen-segmenter.safetensors",
    "world": "kitchen",
    "layer": None,
}
SMALL = {
    "models": {"church": CHURCH, "kitchen": KITCHEN},
    "sessions": {
        "church": {
            "dome2spire": {
                "solver": "palimpsest",
                "measure": {"source": ["dome"], "targets": ["spire"]},
            },
            "add_people": {"mu": 0.3},
            "remove_window": {"layer": 8},
        },
        "kitchen": {"remove_panes": {}},
    },
    "figures": {
        "fig01_rules": {"model": "church", "sessions": ["add_people", "dome2spire"], "pairs": 4},
        "fig04_part": {
            "model": "kitchen",
            "sessions": ["remove_panes"],
            "pairs": 2,
            "part_of": "fig04_comparison",
        },
        "fig04_comparison": {
            "model": "church",
            "sessions": ["dome2spire"],
            "methods": ["direct_lambda", "nbb_copy", "palimpsest"],
            "pairs": 3,
        },
        "fig07_hats": {"model": "church", "sessions": ["hat"], "pairs": 12},
    },
    "counterfactuals": {"models": ["church"], "samples": 10, "seed": 3},
    "grade_rule": {},
    "worlds": {},
}
"""Two models, four sessions and four figures, of which one shows a session that is not there."""

PROBED = {"session": "dome2spire", "curves": "fig13", "pieces": "fig14"}
PUBLISHED = {
    "weights": "published.pt",
    "segmenter": None,
    "world": None,
    "fetched_sessions": {"dome2spire": "masks/dome2spire.json"},
}
"""What a model is at the scale `paper`: without a world, with sessions that others drew."""


def plan(folder: Path, changes: Mapping[str, Any] | None = None) -> Plan:
    """The plan of the small parameters, with ``changes`` laid over them."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text()) | SMALL
    values["layer_probe"] = values["layer_probe"] | {"models": {"church": PROBED}}
    return Plan.read(parse_parameters(merge(values, changes or {})), folder)


def write(folder: Path, file: str, content: object = "") -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout in which the probe has chosen layer 5 for the kitchen."""
    write(tmp_path, "data/layer_choice.csv", "generator,layer\nkitchen,5\n")
    return tmp_path


def names(files: list[str]) -> list[str]:
    return [Path(file).stem for file in files]


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


def test_a_hand_drawn_session_takes_the_place_of_a_published_one(folder: Path) -> None:
    published = {"models": {"church": PUBLISHED | {"segmenter": "parser.pt"}}}
    assert plan(folder, published).fetched_sessions("church") == PUBLISHED["fetched_sessions"]
    write(folder, "data/sessions/church/dome2spire.json", {})
    made = plan(folder, published)
    assert made.fetched_sessions("church") == {} and made.all_fetched_sessions == []
    assert made.session_file("church", "dome2spire") == "data/sessions/church/dome2spire.json"


def test_two_models_may_have_a_hand_drawn_session_of_one_name(folder: Path) -> None:
    write(folder, "data/sessions/kitchen/dome2spire.json", {"layer": 7})
    made = plan(folder)
    assert made.model_of("dome2spire") == "church"
    assert made.session_layer("kitchen", "dome2spire") == 7
    assert {
        "data/edits/church/dome2spire.safetensors",
        "data/edits/kitchen/dome2spire.safetensors",
    } <= set(made.session_edits)


def test_two_measured_sessions_of_one_name_are_refused(folder: Path) -> None:
    write(folder, "data/sessions/church/idea.json", {})
    write(folder, "data/sessions/kitchen/idea.json", {})
    with pytest.raises(ParameterError, match=r"sessions.kitchen.idea: church also has"):
        plan(folder, {"solve": {"measure": {"source": ["window"], "targets": ["wall"]}}})


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
    assert made.measured_edits("dome2spire")["newton"] == newton
    assert list(made.measured_edits("dome2spire"))[-1] == "palimpsest"
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
    assert made.measured_sessions == {"dome2spire": "church"}
    assert made.method_tables == {"table1_smile": [], "table2_domes": ["dome2spire"]}
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
    assert made.classifier_files("smile") == ["a-smile.pt"]
    assert made.classifier_files("dome2spire") == []
    assert made.method_tables["table1_smile"] == ["smile"]
    assert made.models_in_table("table1_smile") == {"smile": "church"}
    with pytest.raises(ParameterError, match=r"^sessions.church.smile.measure: .*'smile'"):
        plan(folder, SMILE)


def test_a_measured_session_is_also_solved_at_its_further_ranks(folder: Path) -> None:
    made = plan(folder, {"sessions": {"church": {"dome2spire": {"further_ranks": [4]}}}})
    edit = "data/edits/church/dome2spire/palimpsest_rank_4.safetensors"
    assert list(made.measured_edits("dome2spire").items())[-1] == ("palimpsest_rank_4", edit)
    assert edit in made.further_edits and "palimpsest_rank_4" in made.rewriting_methods
    settings = made.method_settings("church", "dome2spire", "palimpsest_rank_4")
    own = made.method_settings("church", "dome2spire")
    assert settings["rank"] == 4 and own["rank"] is None and settings == own | {"rank": 4}
    assert "palimpsest_rank_4" not in plan(folder).rewriting_methods


def test_a_study_with_a_key_makes_its_table(folder: Path) -> None:
    write(folder, "data/studies/dome2spire/key.csv")
    write(folder, "data/studies/dome2spire/answers-bob.csv")
    write(folder, "data/studies/dome2spire/answers-ann.csv")
    write(folder, "data/studies/add_people/answers-ann.csv")
    made = plan(folder)
    assert "realism_dome2spire" in names(made.tables)
    assert made.judged_sessions(["add_people", "dome2spire"]) == ["dome2spire"]
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
        "figS2_tradeoff",
        "figS3_generator_church",
        "figS3_generator_kitchen",
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
    settings = made.figure_image_methods("fig04_comparison")
    assert settings == {"nbb_copy": made.parameters.best_buddies.model_dump()}
    assert made.figure_image_methods("fig01_rules") == {}
    layer = "data/statistics/church/layer6.safetensors"
    assert made.figure_statistics_file("fig01_rules") == layer


def test_edits_are_compared_with_what_the_world_can_render(folder: Path) -> None:
    made = plan(folder)
    found = made.sessions_with_counterfactual("church")
    assert found["dome2spire"] == "data/edits/church/dome2spire.safetensors"
    assert "remove_window" not in found
    assert made.models_with_counterfactuals == ["church"]
    assert "counterfactuals" in names(made.tables)
    without = plan(folder, {"models": {"church": {"world": None}}})
    assert without.sessions_with_counterfactual("church") == {}
    assert "counterfactuals" not in names(without.tables)


def test_the_tradeoff_needs_its_session_measured_by_labels(folder: Path) -> None:
    assert plan(folder).tradeoff_is_possible
    other = plan(folder, {"tradeoff": {"session": "add_people"}})
    assert not other.tradeoff_is_possible and "tradeoff" not in names(other.tables)
    assert not plan(folder, {"tradeoff": {"model": "kitchen"}}).tradeoff_is_possible


def test_reflections_need_a_world_or_painted_scenes(folder: Path) -> None:
    made = plan(folder)
    assert made.reflections_are_possible and made.painted_scene_files == []
    assert list(made.full_inversion_edits) == ["5", "6", "7", "8"]
    assert made.low_rank_inversion_edit in made.further_edits
    assert "on_level" not in made.inversion_settings
    strange = {"models": {"kitchen": {"world": None}}}
    assert not plan(folder, strange).reflections_are_possible
    painted = plan(folder, strange | {"reflections": {"painted": "painted.json"}})
    assert painted.reflections_are_possible and "painted.json" in painted.weight_files
    assert painted.inversion_settings["on_level"] == 10


def test_watermarks_need_a_world(folder: Path) -> None:
    made = plan(folder)
    assert list(made.watermark_edits) == [
        "zero_30_units",
        "zero_60_units",
        "rank_one",
        "rank_one_each",
    ]
    assert made.watermarks_are_possible and set(made.watermark_edits.values()) <= set(
        made.further_edits
    )
    without = plan(folder, {"models": {"church": {"world": None}}})
    assert not without.watermarks_are_possible
    assert "table3_watermarks" not in names(without.tables)
    assert "fig05_watermarks" not in names(without.figures)
    assert not set(without.watermark_edits.values()) & set(without.further_edits)


def test_inception_probes_models_without_a_world(folder: Path) -> None:
    assert plan(folder).probed_models == plan(folder).models_edited_at_every_layer == ["church"]
    without = plan(folder, {"models": {"church": {"world": None}}})
    assert without.probed_models == [] and "layer_probe" not in names(without.tables)
    published = {
        "models": {"church": PUBLISHED | {"segmenter": "parser.pt"}},
        "instruments": {"inception": "inception.pt"},
    }
    made = plan(folder, published)
    assert made.probed_models == made.models_edited_at_every_layer == ["church"]
    assert made.given_session_files("church") == ["results/sessions/church/dome2spire.json"]
    classes = ChangedClasses(source=["dome"], targets=["spire"])
    assert made.given_session_classes("church") == classes
    assert made.curve_figures == {"fig13": ["church"]}
    assert made.piece_figures == {"fig14": "church"}
    silent = {"layer_probe": {"models": {"church": {"session": None}}}}
    assert plan(folder, merge(published, silent)).models_edited_at_every_layer == []


def test_a_model_without_a_world_can_name_its_drawings(folder: Path) -> None:
    """It is drawn on and probed as one with a world, but nothing is graded by a world."""
    made = plan(folder, {"models": {"church": {"world": None, "drawings": "photographs"}}})
    assert made.drawings("church") == "photographs" and made.drawings("kitchen") == "kitchen"
    assert "dome2spire" in made.sessions_from_labels("church")
    assert made.probed_models == made.models_edited_at_every_layer == ["church"]
    assert made.given_session_files("church") == []
    assert made.models_with_world == ["kitchen"] and made.models_with_counterfactuals == []
    silent = {"models": {"church": PUBLISHED | {"drawings": "photographs"}}}
    assert plan(folder, silent).drawings("church") is None  # nothing labels its images


def test_a_model_that_a_scale_sets_to_null_is_not_there(folder: Path) -> None:
    made = plan(folder, {"models": {"kitchen": None}, "reflections": {"model": "church"}})
    assert list(made.parameters.models) == ["church"]
    assert {model for model, _ in made.all_sessions} == {"church"}
    assert made.panels == ["fig01_rules", "fig04_comparison"]  # not the kitchen's part
    assert not [file for file in made.statistics_files if "kitchen" in file]
    with pytest.raises(ParameterError, match=r"reflections.model: no model 'kitchen'"):
        plan(folder, {"models": {"kitchen": None}})


def test_a_session_that_the_world_draws_at_every_layer_is_not_given(folder: Path) -> None:
    made = plan(folder)
    assert made.given_session_files("church") == []
    assert made.given_session_classes("church") is None


def test_without_models_of_a_world_nothing_is_graded(folder: Path) -> None:
    made = plan(folder)
    assert made.graded_segmenters == [
        "church-segmenter.safetensors",
        "kitchen-segmenter.safetensors",
    ]
    worlds = {name: {"world": None} for name in ("church", "kitchen")}
    without = plan(folder, {"models": worlds})
    assert without.graded_segmenters == without.graded_classifiers == []
    assert without.tables == without.metrics == without.report == without.figures == []


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
