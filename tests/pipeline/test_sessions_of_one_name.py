"""Two models with sessions of the same name, as the original ships them for its two churches; and
session files whose names do not follow the rule."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from palimpsest.errors import ParameterError
from palimpsest.files.session_files import RULE, WITHOUT_GOAL
from palimpsest.sessions.schema import Session, read_session
from tests.doubles.drawn_forms import FORMS
from tests.doubles.small_plan import PUBLISHED, folder, names, plan, write
from tests.faults import small_pipeline as small

from .conftest import Checkout, stand_in_checkout

__all__ = ["folder"]

MEASURE = {"measure": {"source": ["spire"], "targets": ["tree"]}}
TWICE = {"sessions": {model: {"spire2tree": MEASURE} for model in ("church", "kitchen")}}
BOTH = {
    "spire2tree@church": ("church", "spire2tree"),
    "spire2tree@kitchen": ("kitchen", "spire2tree"),
}
SHARED = ("spire2tree", "sky2tree", "spire2square", "tree2building")


def test_all_sessions_of_two_models_are_planned(folder: Path) -> None:
    for model in ("church", "kitchen"):
        for name in SHARED:
            write(folder, f"data/sessions/{model}/{name}.json", {"layer": 6})
    made = plan(folder)
    edits = {f"data/edits/{m}/{name}.safetensors" for m in ("church", "kitchen") for name in SHARED}
    assert len(edits) == 8 and edits <= set(made.session_edits)
    assert made.measured_sessions == {"dome2spire": ("church", "dome2spire")}


def test_both_are_measured_with_their_own_edits(folder: Path) -> None:
    made = plan(folder, TWICE)
    assert made.measured_sessions == {"dome2spire": ("church", "dome2spire"), **BOTH}
    church, kitchen = (made.measured_edits(*BOTH[f"spire2tree@{m}"]) for m in ("church", "kitchen"))
    assert church.keys() == kitchen.keys() and not set(church.values()) & set(kitchen.values())
    assert set(church.values()) | set(kitchen.values()) <= {
        *made.session_edits,
        *made.further_edits,
    }
    files = ["a.parquet", "b.parquet", "c.parquet"]
    assert made.edits_in_table("table2_domes", files) == {
        "church/dome2spire": "a.parquet",
        "church/spire2tree": "b.parquet",
        "kitchen/spire2tree": "c.parquet",
    }
    assert made.sessions_measured_by_labels("kitchen") == ["spire2tree"]


def test_each_has_its_own_measure_and_classifier(folder: Path) -> None:
    smile = {"measure": {"source": ["lips"], "attribute": "smile"}}
    models = {name: {"classifiers": [f"{name}-smile.pt"]} for name in ("church", "kitchen")}
    made = plan(
        folder, {"models": models, "sessions": {m: {"smile": smile} for m in ("church", "kitchen")}}
    )
    assert made.classifier_files("kitchen", "smile") == ["kitchen-smile.pt"]
    assert list(made.method_tables["table1_smile"]) == ["smile@church", "smile@kitchen"]


def test_a_measured_session_is_not_renamed_for_one_that_is_not_measured(folder: Path) -> None:
    write(folder, "data/sessions/kitchen/dome2spire.json", {"layer": 7})
    assert list(plan(folder).measured_sessions) == ["dome2spire"]


def test_judgements_are_of_one_models_session(folder: Path) -> None:
    write(folder, "data/studies/spire2tree@kitchen/key.csv")
    write(folder, "data/studies/spire2tree@kitchen/answers-ann.csv")
    made = plan(folder, TWICE)
    assert "realism_spire2tree@kitchen" in names(made.tables)
    judged = made.judged_in_table("table2_domes", ["realism.csv"])
    assert judged == {"kitchen/spire2tree": "realism.csv"}
    write(folder, "data/studies/spire2tree/key.csv")
    says = r"data/studies/spire2tree: several models.*spire2tree@church or spire2tree@kitchen"
    with pytest.raises(ParameterError, match=says):
        plan(folder, TWICE)


def test_one_model_may_draw_what_another_has_published(folder: Path) -> None:
    published = PUBLISHED | {"fetched_sessions": {"spire2tree": "masks/spire2tree.json"}}
    made = plan(
        folder, {"models": {"kitchen": published}, "sessions": {"church": {"spire2tree": {}}}}
    )
    assert "spire2tree" in made.sessions_from_labels("church")
    assert made.all_fetched_sessions == {"kitchen/spire2tree": ("kitchen", "spire2tree")}
    assert made.fetched_session_file("kitchen", "spire2tree") == "masks/spire2tree.json"


ODD = ("dome2tree (1).json", "küche.json", ".json", ".dome2tree.json", "DOME.JSON")


def test_files_whose_names_do_not_follow_the_rule_are_left_out(folder: Path) -> None:
    for file in (*ODD, "dome2tree.v2.json", "dome2tree.json", "Dome2tree.json"):
        write(folder, f"data/sessions/church/{file}", {"layer": 8})
    (folder / "data/sessions/kitchen/x.json").mkdir(parents=True)
    made = plan(folder)
    kept = {"Dome2tree", "dome2tree", "dome2tree.v2"}
    assert set(made.hand_drawn_sessions("church")) == kept
    assert made.session_layer("church", "dome2tree.v2") == 8
    assert set(made.files.left_out) == {
        *(f"data/sessions/church/{file}" for file in ODD),
        "data/sessions/kitchen/x.json",
    }
    solved = plan(folder, {"sessions": {"church": {"dome2tree.v2": {"mu": 0.5}}}})
    assert solved.method_settings("church", "dome2tree.v2")["mu"] == 0.5
    with pytest.raises(ParameterError, match="sessions.church"):
        plan(folder, {"sessions": {"church": {"dome2tree (1)": {}}}})


MARKS = {"context_alone", "context_and_object", "context_and_paste"}
"""Forms of the original's files that have no goal."""


def test_sessions_without_a_goal_are_left_out_of_the_edits(folder: Path) -> None:
    for name, form in FORMS.items():
        write(folder, f"data/sessions/church/{name}.json", form | {"layer": 6})
    half = {"layer": 6, "exemplars": [{"object": {"sample": 3}}], "context": [{"sample": 4}]}
    write(folder, "data/sessions/kitchen/half.json", half)
    erasing = {"layer": 6, "exemplars": [{"paste": {"sample": 3}}], "erase": 5}
    write(folder, "data/sessions/kitchen/erasing.json", erasing)
    write(folder, "data/sessions/church/dome2spire.json", FORMS["context_alone"])
    made = plan(folder)
    assert set(made.hand_drawn_sessions("church")) == set(FORMS) - MARKS
    assert set(made.hand_drawn_sessions("kitchen")) == {"erasing"}
    files = {f"data/sessions/church/{name}.json" for name in (*MARKS, "dome2spire")}
    assert set(made.files.without_goal) == files | {"data/sessions/kitchen/half.json"}
    (line,) = made.files.told
    assert all(file in line for file in made.files.without_goal) and "search" in line
    edits = made.session_edits
    assert not any(f"/{name}." in file for name in (*MARKS, "half") for file in edits)
    assert "data/edits/church/erase_in_the_file.safetensors" in edits
    # the session of that name that is drawn from labels is made instead
    assert made.session_file("church", "dome2spire") == "results/sessions/church/dome2spire.json"


@pytest.mark.parametrize("form", FORMS)
def test_what_has_a_goal_is_what_can_be_rewritten(form: str, folder: Path) -> None:
    write(folder, f"data/sessions/church/{form}.json", FORMS[form] | {"layer": 6})
    complete = isinstance(read_session(json.dumps(FORMS[form]).encode(), f"{form}.json"), Session)
    assert (form in plan(folder).hand_drawn_sessions("church")) == complete


# whole runs: of stand-ins for the stages, and of the stages themselves

MODELS = ("church", "church_progressive")
PARTS = {"fig04_smile": "church", "fig04_comparison": "church_progressive"}
TARGETS = (
    "results/tables/edits.csv",
    "results/tables/table2_domes.csv",
    "results/tables/realism_spire2tree@church.csv",
    "results/figures/fig04_comparison.png",
)


@pytest.fixture(scope="module")
def two_churches(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout whose two churches have the original's shared sessions, one of them measured; and
    some files with odd names."""
    checkout = stand_in_checkout(tmp_path_factory.mktemp("checkout"))
    values = yaml.safe_load((checkout.folder / "params.yaml").read_text())
    values["models"] = {name: values["models"][name] for name in (*MODELS, "kitchen")}
    values["sessions"] = {model: {"spire2tree": MEASURE} for model in MODELS}
    shown = {"sessions": ["spire2tree"], "methods": "all", "pairs": 2}
    values["figures"] = {name: shown | {"model": model} for name, model in PARTS.items()}
    values["figures"]["fig04_smile"]["part_of"] = "fig04_comparison"
    values["counterfactuals"]["models"] = []
    values["layer_probe"]["models"] = {}
    (checkout.folder / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    for model in MODELS:
        for file in (*(f"{name}.json" for name in SHARED), *ODD, "dome2tree.v2.json"):
            write(checkout.folder, f"data/sessions/{model}/{file}", {"layer": 6})
    write(checkout.folder, "data/sessions/church/marks.json", FORMS["context_alone"] | {"layer": 6})
    for model in MODELS:
        write(checkout.folder, f"data/studies/spire2tree@{model}/key.csv", model)
    return checkout


@pytest.mark.pipeline
def test_every_job_of_both_is_planned_and_odd_files_are_told_once(two_churches: Checkout) -> None:
    done = two_churches.snakemake("--dry-run", *TARGETS)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    (line,) = [line for line in said.splitlines() if RULE in line]
    assert line in done.stderr.splitlines()
    for model in MODELS:
        assert all(f"data/sessions/{model}/{file}" in line for file in ODD)
    (line,) = [line for line in said.splitlines() if WITHOUT_GOAL in line]
    assert "data/sessions/church/marks.json" in line and line in done.stderr.splitlines()
    jobs = two_churches.plan(*TARGETS)
    assert jobs["rewrite"] == 2 * len([*SHARED, "dome2tree.v2"])
    assert jobs["rewrite_method"] == 2 * 4 and jobs["tune_weights"] == 2 * 2
    assert jobs["measure"] == jobs["join_measurements"] == jobs["render_panel"] == 2
    assert jobs["read_study"] == 2 and jobs["tabulate_methods"] == jobs["plot_figure"] == 1


@pytest.mark.pipeline
def test_what_is_made_of_both_is_kept_apart(two_churches: Checkout) -> None:
    done = two_churches.snakemake("--notemp", *TARGETS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert two_churches.plan(*TARGETS) == {}
    results = two_churches.folder / "results"
    for model in MODELS:
        told = (results / f"shards/spire2tree@{model}/1-of-1.parquet").read_text()
        assert f"--model {model} --session data/sessions/{model}/spire2tree.json" in told
        edits = re.findall(r"data/edits/(\w+)/spire2tree", told)
        assert len(edits) == 7 and set(edits) == {model}
        weights = re.search(r"--weights data/weights/mini/(\w+)\.safetensors", told)
        assert weights and weights.group(1) == model
    measured = {m: results / f"measurements/spire2tree@{m}.parquet" for m in MODELS}
    table = (results / "tables/table2_domes.csv").read_text()
    for model, file in measured.items():
        of_model = f"{model}/spire2tree={file.relative_to(two_churches.folder)}"
        assert f"--measurements {of_model}" in table
        assert (
            f"--realism {model}/spire2tree=results/tables/realism_spire2tree@{model}.csv" in table
        )


@pytest.mark.pipeline
def test_the_edits_of_both_have_their_rows(tmp_path: Path) -> None:
    """The stages themselves; one session is in the original's form, which names no model, and one
    was copied from the other model's folder."""
    pipeline = small.make_small_pipeline(tmp_path).short()
    values = yaml.safe_load((tmp_path / "params.yaml").read_text())
    whole = yaml.safe_load((small.ROOT / "params.yaml").read_text())
    models = {name: whole["models"][name] for name in MODELS}
    values |= {"models": models, "sessions": {}, "figures": {}}
    write(tmp_path, "params.yaml", yaml.safe_dump(values, sort_keys=False))
    weights = small.WEIGHTS.replace("church", MODELS[1])
    (tmp_path / weights).write_bytes((small.ROOT / weights).read_bytes())
    ours = json.loads((tmp_path / small.SESSION).read_text())
    (tmp_path / small.SESSION).unlink()
    exemplar = ours["exemplars"][0]
    original = {half: list(exemplar[half].values()) for half in ("object", "paste")}
    original["key"] = [list(place.values()) for place in ours["context"]]
    for model in MODELS:
        write(tmp_path, f"data/sessions/{model}/spire2tree.json", original)
        write(tmp_path, f"data/sessions/{model}/copy.v2.json", ours)
    done = pipeline.run()
    assert done.returncode == 0, small.said(done)
    table = pd.read_csv(tmp_path / "results/tables/edits.csv")
    expected = {(model, name) for model in MODELS for name in ("spire2tree", "copy.v2")}
    assert len(table) == 4 and set(zip(table["model"], table["session"], strict=True)) == expected
    losses = table.set_index(["model", "session"])["loss_before"]
    assert losses[MODELS[0], "spire2tree"] != losses[MODELS[1], "spire2tree"]
