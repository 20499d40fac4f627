"""Where the editor finds and writes its files, and that the pipeline takes what it saves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from palimpsest.editor.opened import OpenModel
from palimpsest.errors import ParameterError
from palimpsest.generators import save_generator
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.generators.truncating import can_truncate
from palimpsest.pipeline.checkout_files import CheckoutFiles
from palimpsest.pipeline.editor_places import EXAMPLES, editor_place
from palimpsest.pipeline.parameters.loading import load_parameters
from palimpsest.pipeline.plan import Plan

ROOT = Path(__file__).parents[2]
EXAMPLE = EXAMPLES / "church" / "domes_become_spires.json"


def parameters():
    return load_parameters(ROOT / "params.yaml", ROOT / "workflow" / "scales")


def test_the_editor_uses_the_files_of_the_pipeline() -> None:
    place, plan = editor_place(ROOT, model="church"), Plan.read(parameters(), ROOT)
    church = place.models["church"]
    assert place.first == "church" and not place.resume
    assert church.weights == ROOT / plan.weights("church")
    assert church.statistics_file(6) == ROOT / plan.statistics_file("church", 6)
    assert church.statistics_file(6, 0.7) == ROOT / plan.statistics_file("church", 6, 0.7)
    assert church.statistics_file(6, church.truncation) == church.statistics_file(6)
    assert church.layer == plan.model_layer("church")
    assert church.smoothness == plan.parameters.solve.mu
    assert church.iterations == plan.parameters.methods.newton.iterations
    assert set(place.models) == set(plan.parameters.models)


def test_weights_of_any_kind_in_any_folder(tmp_path) -> None:
    weights = ROOT / "data" / "weights" / "mini" / "church.safetensors"
    place = editor_place(tmp_path, weights=weights)
    assert place.first == "church" and place.models["church"].segmenter is not None
    assert place.drafts == tmp_path / "results" / "editor" / "church"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"model": "atlantis"}, "--model: 'atlantis' is none of church"),
        ({"weights": Path("nothing.pt")}, "nothing.pt: no such file"),
    ],
)
def test_what_is_not_there(options, says) -> None:
    with pytest.raises(ParameterError, match=says):
        editor_place(ROOT, **options)


def test_outside_a_checkout_weights_are_needed(tmp_path) -> None:
    with pytest.raises(ParameterError, match="--weights"):
        editor_place(tmp_path)


def plan_with(tmp_path: Path, name: str, **changes) -> Plan:
    folder = tmp_path / "data" / "sessions" / "church"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "data" / "layer_choice.csv", tmp_path / "data")
    content = json.loads(EXAMPLE.read_text())
    (folder / f"{name}.json").write_text(json.dumps(content | changes))
    found = parameters()
    return Plan(found, CheckoutFiles.read(tmp_path, found.models))


def test_a_saved_session_is_solved_as_its_file_says(tmp_path) -> None:
    solve = {"solver": "newton", "exemplars": 1, "mu": 0.25}
    plan = plan_with(tmp_path, "mine", solve=solve)
    settings = plan.method_settings("church", "mine")
    assert settings == {"iterations": 40, "mu": 0.25, "exemplars": 1, "rank": None}
    assert plan.own_method("church", "mine") == "newton"
    assert plan.session_layer("church", "mine") == 6


def test_what_the_parameters_say_of_a_session_comes_first(tmp_path) -> None:
    solve = {"solver": "newton", "exemplars": 1, "mu": 0.25}
    plan = plan_with(tmp_path, "sky_doors", solve=solve)
    assert plan.method_settings("church", "sky_doors")["mu"] == 0.1


@pytest.mark.parametrize("solve", [{"mu": -1.0}, {"steps": 3}, [1]])
def test_a_file_that_says_it_wrongly_is_named(tmp_path, solve) -> None:
    with pytest.raises(ParameterError, match="data/sessions/church/mine.json"):
        plan_with(tmp_path, "mine", solve=solve).method_settings("church", "mine")


def test_a_session_is_improved_with_the_settings_that_the_pipeline_has_for_it() -> None:
    place = editor_place(ROOT).models["photo_faces"]
    plan = Plan.read(parameters(), ROOT)
    for name in ("photo_smile", "of_my_own"):
        settings = place.improving_of(name)
        wanted = plan.method_settings("photo_faces", name, "palimpsest")
        assert settings.model_dump() == wanted | {
            field: getattr(settings, field) for field in settings.model_dump().keys() - wanted
        }
    own = place.improving_of("photo_smile")
    assert own.candidate_exemplars == 64 and own.perceptual_weight == 3.0
    assert place.improving_of("of_my_own") == place.improving


def test_a_session_is_improved_at_the_layers_that_the_pipeline_tries(tmp_path) -> None:
    for name in ("workflow", "data/weights/mini"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "data" / "layer_choice.csv", tmp_path / "data")
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    values["sessions"]["church"]["dome2tree"]["candidate_layers"] = [6, 7]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    church = editor_place(tmp_path).models["church"]
    assert church.layers_of("dome2tree", 8) == [8, 6, 7]
    assert church.layers_of("dome2tree", 7) == [7, 6], "as it is drawn now"
    assert church.layers_of("dome2spire", 6) == [6]


def test_a_mean_latent_is_estimated_on_request(tmp_path):
    """A generator whose file holds none can then be truncated in the editor."""
    g = StyleGAN2(8, {4: 4, 8: 4}, 6, 1)
    g.latent_avg.fill_(torch.nan)
    save_generator(g, tmp_path / "mine.safetensors")
    for estimate in (False, True):
        place = editor_place(
            tmp_path, weights=tmp_path / "mine.safetensors", estimate_mean=estimate
        )
        model = OpenModel.load("mine", place.models["mine"])
        assert can_truncate(model.g) == estimate
        assert model.g.weights_sha256 == g.weights_sha256
