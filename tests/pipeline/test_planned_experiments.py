"""Which experiments a run makes of its models, planned without Snakemake."""

from __future__ import annotations

from pathlib import Path

import pytest

from palimpsest.errors import ParameterError
from palimpsest.experiments.comparison.settings import ChangedClasses
from palimpsest.pipeline.parameters import merge
from tests.doubles.small_plan import PUBLISHED, folder, names, plan, write

__all__ = ["folder"]


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


def test_units_are_switched_in_a_model_with_a_world(folder: Path) -> None:
    made = plan(folder)
    assert "figS6_units" in names(made.figures) and "units" in names(made.tables)
    assert made.figure_panels("figS6_units") == ["results/measurements/panels/figS6_units.npz"]
    without = plan(folder, {"models": {"church": {"world": None}}})
    assert "figS6_units" not in names(without.figures) and "units" not in names(without.tables)


def test_watermarks_need_a_world(folder: Path) -> None:
    made = plan(folder)
    assert list(made.watermark_edits) == [
        "zero_30_units",
        "zero_60_units",
        "rank_one",
        "rank_one_images",
        "rank_one_each",
        "oracle_rank_one",
    ]
    assert made.watermarks_are_possible and set(made.watermark_edits.values()) <= set(
        made.further_edits
    )
    without = plan(folder, {"models": {"church": {"world": None}}})
    assert not without.watermarks_are_possible
    assert "table3_watermarks" not in names(without.tables)
    assert "fig05_watermarks" not in names(without.figures)
    assert not set(without.watermark_edits.values()) & set(without.further_edits)


def test_painted_watermarks_and_a_detector_take_the_place_of_a_world(folder: Path) -> None:
    marks = {"painted": "data/marks.json", "detector": "data/letters.safetensors"}
    given = {"models": {"church": {"world": None}}, "watermarks": marks}
    made = plan(folder, given)
    assert list(made.watermark_edits) == [
        "zero_30_units",
        "zero_60_units",
        "rank_one",
        "rank_one_30_units",
    ]
    assert "table3_watermarks" in names(made.tables) and "fig05_watermarks" in names(made.figures)
    assert set(marks.values()) <= set(made.weight_files)
    assert made.watermark_detector_files == [marks["detector"]]
    blind = plan(folder, given | {"watermarks": marks | {"detector": None}})
    assert not blind.watermarks_are_possible


def test_a_model_without_a_segmenter_is_probed_by_its_own_values(folder: Path) -> None:
    alone = plan(folder, {"models": {"church": {"world": None, "segmenter": None}}})
    assert alone.probed_models == ["church"] and "layer_choice" in names(alone.tables)
    assert alone.probing_segmenter_files("church") == []
    assert alone.models_edited_at_every_layer == []  # there are no labels to count
    # a published segmenter has no features for pieces
    published = plan(folder, {"models": {"church": {"world": None}}})
    assert published.probed_models == ["church"]
    assert published.probing_segmenter_files("church") == []


def test_people_may_have_counted_watermarks(folder: Path) -> None:
    assert plan(folder).watermark_count_key == []
    write(folder, "data/studies/watermarks/key.csv")
    write(folder, "data/studies/watermarks/answers-ann.csv")
    made = plan(folder)
    assert made.watermark_count_key == ["data/studies/watermarks/key.csv"]
    assert made.study_answers("watermarks") == ["data/studies/watermarks/answers-ann.csv"]


def test_inception_probes_models_without_a_world(folder: Path) -> None:
    assert plan(folder).probed_models == plan(folder).models_edited_at_every_layer == ["church"]
    assert plan(folder).probing_segmenter_files("church") == plan(folder).segmenter_files("church")
    published = {
        "models": {"church": PUBLISHED | {"segmenter": "parser.pt"}},
        "instruments": {"inception": "inception.pt"},
    }
    made = plan(folder, published)
    assert made.probed_models == made.models_edited_at_every_layer == ["church"]
    assert made.probing_segmenter_files("church") == []
    assert made.given_session_files("church") == ["results/sessions/church/dome2spire.json"]
    classes = ChangedClasses(source=["dome"], targets=["spire"])
    assert made.given_session_classes("church") == classes
    assert made.curve_figures == {"fig13": ["church"]}
    assert made.piece_figures == {"fig14": "church"}
    silent = {"layer_probe": {"models": {"church": {"session": None}}}}
    assert plan(folder, merge(published, silent)).models_edited_at_every_layer == []


def test_a_model_may_be_probed_with_settings_of_its_own(folder: Path) -> None:
    probe = {"church": {"pieces": None, "sizes": [4, 8], "shown_size": 8, "samples": 6}}
    made = plan(folder, {"layer_probe": {"models": probe}})
    own = made.parameters.layer_probe.probe_of("church")
    assert (own.sizes, own.shown_size, own.samples) == ((4, 8), 8, 6)
    shared = plan(folder).parameters.layer_probe.probe_of("church")
    assert own == shared.model_copy(update={"sizes": (4, 8), "shown_size": 8, "samples": 6})
    assert made.curve_figures == {"fig13": ["church"]} and made.piece_figures == {}
    lacking = {"layer_probe": {"models": {"church": {"sizes": [4, 8]}}}}
    with pytest.raises(ParameterError, match=r"layer_probe: .*shown_size 32 is none of the probed"):
        plan(folder, lacking)


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
    assert names(without.tables) == ["layer_probe", "layer_choice", "layer_edits"]
    assert names(without.figures) == ["fig13", "fig14"]


PHOTOS = {
    "models": {
        "photo_faces": {
            "weights": "photo.safetensors",
            "segmenter": "parts.safetensors",
            "classifiers": ["photo-smile.safetensors"],
            "world": None,
            "drawings": "photo_faces",
            "truncation": 1.0,
            "layer": 5,
        }
    },
    "sessions": {"photo_faces": {"photo_smile": {}}},
}


def test_photographs_need_their_archive_and_the_session(folder: Path) -> None:
    without = plan(folder, PHOTOS)
    assert not without.photographs_are_possible
    assert "photographs" not in names(without.tables)
    assert "figS5_photographs" not in names(without.figures)
    archive = folder / without.photograph_archive
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"photographs")
    made = plan(folder, PHOTOS)
    assert made.photographs_are_possible and "photographs" in names(made.tables)
    assert "figS5_photographs" in names(made.figures)
    assert made.figure_panels("figS5_photographs") == [
        "results/measurements/panels/figS5_photographs.npz"
    ]
    assert made.many_photographs_table == "results/tables/photographs_100.csv"
    other = plan(folder, PHOTOS | {"held_out_photographs": {"session": "wink"}})
    assert not other.photographs_are_possible
    assert not plan(folder).photographs_are_possible  # without the model


def test_photographs_are_edited_at_a_rank_that_the_session_is_solved_at(folder: Path) -> None:
    archive = folder / plan(folder, PHOTOS).photograph_archive
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"photographs")
    smile = {"sessions": {"photo_faces": {"photo_smile": {"further_ranks": [4]}}}}
    for rank, file in ((None, ".safetensors"), (4, "/newton_rank_4.safetensors")):
        made = plan(folder, PHOTOS | smile | {"held_out_photographs": {"rank": rank}})
        assert made.photograph_edit == f"data/edits/photo_faces/photo_smile{file}"
    other = plan(folder, PHOTOS | smile | {"held_out_photographs": {"rank": 3}})
    with pytest.raises(ParameterError, match="rank: 3 is none of .*photo_smile.further_ranks, 4"):
        _ = other.photograph_edit


def test_renders_need_a_rule_that_the_world_can_render(folder: Path) -> None:
    made = plan(folder)
    assert made.renders_are_possible and "figS10_renders" in names(made.figures)
    other = plan(folder, {"held_out_renders": {"session": "remove_window"}})
    assert not other.renders_are_possible and "renders" not in names(other.tables)
