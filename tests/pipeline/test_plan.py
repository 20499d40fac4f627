"""What Snakemake plans: everything once, nothing twice, and after a change only its readers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from palimpsest.pipeline.adopted_layers import adopted_layers

pytestmark = pytest.mark.pipeline
ROOT = Path(__file__).parents[2]

FIGURES = 18 + 6 + 6  # fig01 to 18, S1, S2, S6, S8, S9, S10, and S3 for each generator
WALKS = 1  # S11, which moves
SESSIONS = {"church": 8, "face": 4, "horse": 2, "kitchen": 1, "photo_faces": 3}
MEASURED = {"church": 2, "face": 1, "photo_faces": 1}
TABLES = 2  # with a row for each method
LAYERS = {
    "church": 4,
    "face": 2,
    "horse": 2,
    "kitchen": 2,
    "church_progressive": 1,
    "kitchen_stylegan2": 1,
    "photo_faces": 2,
}  # church: 5 for watermarks, 7 and 8 for small things; kitchen: the probe’s, and its edit’s own
# photo_faces: 5 is the model's, 6 is named by a session drawn by hand


def test_a_finished_run_has_every_result_and_plans_nothing(finished) -> None:
    results = finished.folder / "results"
    assert {file.name for file in (results / "tables").iterdir()} == {
        "table1_smile.csv",
        "table2_domes.csv",
        "counterfactuals.csv",
        "units.csv",
        "tradeoff.csv",
        "layer_probe.csv",
        "layer_choice.csv",
        "layer_edits.csv",
        "edits.csv",
        "generator_grades.csv",
        "table3_watermarks.csv",
        "causal_rule.csv",
        "reflection.csv",
        "instrument_grades.csv",
        "critic_grades.csv",
        "renders.csv",
    }
    figures = {file.name for file in (results / "figures").iterdir()}
    assert len(figures) == 2 * (FIGURES + WALKS) and "fig04_comparison.png" in figures
    assert (results / "report.html").is_file()
    assert finished.plan() == {}


def test_new_times_alone_plan_nothing(another) -> None:
    for file in another.folder.rglob("*"):
        if ".snakemake" not in file.parts and file.is_file():
            os.utime(file, (2_000_000_000, 2_000_000_000))
    assert another.plan() == {}


def test_new_weights_plan_everything_of_their_model(another) -> None:
    (another.folder / "data/weights/mini/church.safetensors").write_text("other weights")
    plan = another.plan()
    assert plan["draw_sessions_church"] == plan["grade_generator"] == 1
    assert plan["key_statistics"] == LAYERS["church"]
    assert plan["rewrite"] == SESSIONS["church"] and plan["tune_weights"] == 2 * MEASURED["church"]
    assert "grade_rule" not in plan and "draw_sessions_face" not in plan


SHOWN = {"collect_metrics": 1, "plot_figure": 1, "report": 1}  # by a table and a figure
MEASURED_AGAIN = {  # by what the measurements of Tables 1 and 2 depend on
    **dict.fromkeys(("measure", "join_measurements"), sum(MEASURED.values())),
    **{"tabulate_methods": TABLES, "collect_metrics": 1, "report": 1},
}
ONE_LEAF = {
    "a colour": (
        'accent: "#b5352b"',
        'accent: "#2b35b5"',
        {"plot_figure": FIGURES, "report": 1},
    ),
    "how many images are measured": (
        "samples: 1000\n  seed: 3\n  half_precision",
        "samples: 500\n  seed: 3\n  half_precision",
        MEASURED_AGAIN,
    ),
    "the precision of the measured images": (
        "half_precision: false",
        "half_precision: true",
        MEASURED_AGAIN,
    ),
    "how best buddies are found": (
        "per_level: 10 ",
        "per_level: 12 ",
        {
            "measure": sum(MEASURED.values()),
            "join_measurements": sum(MEASURED.values()),
            "tabulate_methods": TABLES,
            "collect_metrics": 1,
            "render_panel": 3,
            "plot_figure": 1,
            "report": 1,
        },
    ),
    "how a study is made": ("pairs: 100 ", "pairs: 50 ", {}),
    "on how many scenes the world draws counterfactuals": (
        "samples: 300\n",
        "samples: 200\n",
        {
            "measure_counterfactuals": 2,
            "tabulate_counterfactuals": 1,
            "collect_metrics": 1,
            "report": 1,
        },
    ),
    "the smoothness that is tried": (
        "mus: [0.1, 0.3,",
        "mus: [0.3,",
        {"sweep_tradeoff": 1, "tabulate_tradeoff": 1} | SHOWN,
    ),
    "how many pairs a figure shows": (
        "sessions: [hat]\n    pairs: 12",
        "sessions: [hat]\n    pairs: 8",
        {"render_panel": 1, "plot_figure": 1, "report": 1},
    ),
    "how intervals are made": (
        "resamples: 2000",
        "resamples: 100",
        {
            "tabulate_methods": TABLES,
            "tabulate_counterfactuals": 1,
            "tabulate_reflections": 1,
            "tabulate_tradeoff": 1,
            "tabulate_units": 1,
            "tabulate_watermarks": 1,
            "tabulate_renders": 1,
            "choose_layers": 1,
            "collect_metrics": 1,
            "collect_curves": 2,
            "plot_figure": 4,  # with the intervals in them
            "report": 1,
        },
    ),
    "the smoothness of one session": (
        "sky_doors: {exemplars: 8, rank: 12, mu: 0.1}",
        "sky_doors: {exemplars: 8, rank: 12, mu: 0.5}",
        {
            "rewrite": 1,
            "tabulate_edits": 1,
            "collect_metrics": 1,
            "render_panel": 1,
            "plot_figure": 1,
            "report": 1,
        },
    ),
    "the steps of one method": (
        "finetune_all: {learning_rate: 0.0001, iterations: 2001}",
        "finetune_all: {learning_rate: 0.0001, iterations: 1001}",
        {
            "tune_weights": sum(MEASURED.values()),
            "measure": sum(MEASURED.values()),
            "join_measurements": sum(MEASURED.values()),
            "tabulate_methods": TABLES,
            "collect_metrics": 1,
            "render_panel": 3,
            "plot_figure": 1,
            "report": 1,
        },
    ),
    "in how many scenes the rule is looked for": (
        "samples: 200\n    seed: 4",
        "samples: 100\n    seed: 4",
        {"grade_rule": 1, "tabulate_rules": 1, "collect_metrics": 1, "report": 1},
    ),
    "in how many samples reflections are measured": (
        "samples: 60 ",
        "samples: 50 ",
        {"measure_reflections": 1, "tabulate_reflections": 1, "collect_metrics": 1, "report": 1},
    ),
    "how many doors are copied into the sky at once": (
        "exemplars: 8, rank: 12",
        "exemplars: 4, rank: 12",
        {
            "rewrite": 1,
            "tabulate_edits": 1,
            "collect_metrics": 1,
            "render_panel": 1,
            "plot_figure": 1,
            "report": 1,
        },
    ),
    "which samples of the layers' edits are measured": (
        "surveyed: 320",
        "surveyed: 300",
        {
            "try_layers": 5,
            "choose_layers": 1,
            "collect_metrics": 1,
            "collect_curves": 2,
            "plot_figure": 2,
            "report": 1,
        },
    ),
    "how many units are switched off": (
        "layer: 6, units: 24",
        "layer: 6, units: 16",
        {"measure_units": 1, "tabulate_units": 1} | SHOWN,
    ),
    "how many renders are reproduced": (
        "renders: 6 ",
        "renders: 5 ",
        {"measure_renders": 1, "tabulate_renders": 1} | SHOWN,
    ),
    "how a generator is trained": ("steps: 4200", "steps: 4300", {}),
}


@pytest.mark.parametrize("change", ONE_LEAF)
def test_one_leaf_reruns_only_what_reads_it(another, change: str) -> None:
    old, new, expected = ONE_LEAF[change]
    another.edit("params.yaml", old, new)
    assert another.plan() == expected


def test_statistics_reach_edits_but_not_what_is_drawn_or_graded(another) -> None:
    another.edit("params.yaml", "samples: 2000\n  seed: 1", "samples: 1500\n  seed: 1")
    plan = another.plan()
    assert plan["key_statistics"] == sum(LAYERS.values())
    assert plan["rewrite"] == sum(SESSIONS.values())
    untouched = {"draw_sessions_church", "tune_weights", "grade_generator", "tabulate_grades"}
    assert not untouched & set(plan)


def test_a_session_whose_layer_changes_is_drawn_again(another) -> None:
    known = "remove_panes: {solver: palimpsest, layer: "
    another.edit("params.yaml", f"{known}6", f"{known}7")
    assert another.plan()["draw_sessions_kitchen"] == 1


def test_a_session_drawn_by_hand_is_picked_up(another) -> None:
    folder = another.folder / "data" / "sessions" / "church"
    folder.mkdir(parents=True)
    (folder / "my_idea.json").write_text(json.dumps({"layer": 10}))
    expected = {
        "key_statistics": 1,
        "rewrite": 1,
        "tabulate_edits": 1,
        "collect_metrics": 1,
        "report": 1,
    }
    assert another.plan() == expected
    assert another.snakemake().returncode == 0
    assert "layer10" in (another.folder / "data/edits/church/my_idea.safetensors").read_text()
    assert another.plan() == {}


def test_a_session_drawn_by_hand_takes_the_place_of_the_drawn_one(another) -> None:
    folder = another.folder / "data" / "sessions" / "church"
    folder.mkdir(parents=True)
    (folder / "add_people.json").write_text(json.dumps({"layer": 6}))
    plan = another.plan()
    assert plan["rewrite"] == 1 and plan["render_panel"] == 1  # add_people, and fig01 shows it
    assert "draw_sessions_church" not in plan and "measure" not in plan


def test_models_without_a_layer_are_edited_where_the_probe_named(another) -> None:
    named = adopted_layers(another.folder / "data" / "layer_choice.csv")
    assert (another.folder / f"data/statistics/church/layer{named['church']}.safetensors").is_file()
    another.edit("data/layer_choice.csv", "church,6 7,6", "church,6 7,9")
    plan = another.plan()
    assert plan["key_statistics"] == 1 and plan["draw_sessions_church"] == 1
    # all but two sessions that say another layer, and are drawn with the rest
    assert plan["rewrite"] == SESSIONS["church"]
    assert "probe_layers" not in plan and "draw_sessions_kitchen" not in plan


def test_a_model_without_a_layer_that_no_probe_named_is_told_how_to_get_one(another) -> None:
    (another.folder / "data" / "layer_choice.csv").unlink()
    done = another.snakemake("--dry-run")
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "models.church.layer" in said and "make adopt-layers" in said


def test_what_judges_sent_back_is_read(another) -> None:
    folder = another.folder / "data" / "studies" / "dome2spire"
    folder.mkdir(parents=True)
    (folder / "key.csv").write_text("key")
    (folder / "answers-ann.csv").write_text("ann")
    expected = {"read_study": 1, "tabulate_methods": 1, "collect_metrics": 1, "report": 1}
    assert another.plan() == expected
    assert another.snakemake().returncode == 0
    assert another.plan() == {}
    assert another.plan("results/studies/smile.html") == {"make_study": 1}
    (folder / "answers-bob.csv").write_text("bob")
    assert another.plan() == expected


def test_a_corrected_figure_of_the_paper_makes_its_table_and_the_page_again(another) -> None:
    path = another.folder / "data" / "paper_figures" / "table3_watermarks.csv"
    path.write_text(path.read_text().replace("rank_one,0,", "rank_one,1,"))
    assert another.plan() == {"tabulate_watermarks": 1, "collect_metrics": 1, "report": 1}


def test_a_failed_job_leaves_nothing_and_the_same_command_goes_on(another) -> None:
    another.edit("params.yaml", "resamples: 2000", "resamples: 100")
    failed = another.snakemake(FAILING="stages.tabulate_methods")
    assert failed.returncode != 0
    assert "tabulate_methods" in failed.stderr + failed.stdout
    assert not (another.folder / "results/tables/table2_domes.csv").exists()
    assert another.snakemake().returncode == 0
    assert another.plan() == {}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("resamples: 2000", "resamples: 2", "intervals.resamples"),
        ("measure:                #", "mesure:                #", "mesure"),
        ("scale: mini", "scale: huge", "huge"),
    ],
)
def test_a_wrong_parameter_stops_before_any_job(another, old: str, new: str, says: str) -> None:
    another.edit("params.yaml", old, new)
    done = another.snakemake()
    assert done.returncode != 0
    assert says in done.stderr and "Traceback" not in done.stderr
    assert "Job stats" not in done.stderr + done.stdout


def test_a_hand_drawn_file_that_is_no_session_is_named(another) -> None:
    folder = another.folder / "data" / "sessions" / "church"
    folder.mkdir(parents=True)
    (folder / "my_idea.json").write_text("{")
    done = another.snakemake("--dry-run")
    assert done.returncode != 0 and "my_idea.json" in done.stdout + done.stderr


PAPER = {
    "assemble_parser": 1,
    "complete_session": 8,
    "key_statistics": 7,  # layer 6 of the church too, for dome2castle
    "rewrite": 8,
    "rewrite_method": 3 * 4,
    "tune_weights": 3 * 2,
    "erase_painted": 1,
    "invert_reflections": 1,
    "measure": 3,
    "measure_watermarks": 1,
    "measure_reflections": 1,
    "join_measurements": 3,
    "tabulate_methods": 2,
    "tabulate_watermarks": 1,
    "tabulate_reflections": 1,
    "sweep_tradeoff": 1,
    "tabulate_tradeoff": 1,
    "tabulate_edits": 1,
    "collect_metrics": 1,
    "render_panel": 7,
    "render_reflections": 1,
    "render_walk": 1,
    "probe_layers": 4,
    "try_layers": 1,
    "choose_layers": 1,
    "collect_curves": 2,
    "plot_figure": 9 + 6,  # 1 to 8 and S2; 13 to 18
    "report": 1,
}


def test_the_paper_scale_goes_from_the_fetch_to_the_report(finished) -> None:
    shards = {"measure": 20 * PAPER["measure"]}
    assert finished.plan("--config", "scale=paper") == PAPER | shards | {"fetch_weights": 23}


def test_the_paper_scale_pictures_what_is_added_to_its_horses_and_churches(finished) -> None:
    horses = [f"results/figures/{name}.png" for name in ("fig07_hats", "fig08_tails")]
    assert finished.plan(*horses, "--config", "scale=paper") == {
        "fetch_weights": 6,  # generator, sessions, the three files of the parser
        "assemble_parser": 1,
        "complete_session": 2,
        "key_statistics": 1,  # both are made in the model's layer
        "rewrite": 2,
        "render_panel": 2,
        "plot_figure": 2,
    }
    rules = finished.plan("results/figures/fig01_rules.png", "--config", "scale=paper")
    assert rules["complete_session"] == rules["rewrite"] == 3 and rules["plot_figure"] == 1


def test_stand_ins_run_the_very_same_jobs(another) -> None:
    served = another.folder / "data/weights/stand_ins_served"
    served.mkdir(parents=True)
    (served / "manifest.json").write_text("{}")
    assert another.plan("--config", "scale=stand_ins") == PAPER | {"fetch_stand_in": 23}


def test_ten_thousand_images_are_measured_at_the_paper_scale(another) -> None:
    assert another.snakemake("--config", "scale=paper", "--notemp").returncode == 0
    rows = (another.folder / "results/shards/dome2spire/3-of-20.parquet").read_text()
    assert "--samples 10000 --shard 3-of-20" in rows
    assert '--change {"source": ["dome"], "targets": ["building"]}' in rows
    joined = (another.folder / "results/measurements/dome2spire.parquet").read_text()
    assert joined.count("--shard ") == 20
    assert another.plan("--config", "scale=paper") == {}


def test_another_number_of_shards_measures_again_and_keeps_no_shard(another) -> None:
    another.edit("params.yaml", "  shards: 1 ", "  shards: 3 ")
    plan = another.plan()
    assert plan["join_measurements"] == sum(MEASURED.values())
    assert plan["measure"] == 3 * plan["join_measurements"]
    assert another.snakemake().returncode == 0
    assert another.plan() == {} and not list(another.folder.glob("results/shards/*/*.parquet"))
