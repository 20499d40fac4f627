"""Held-out renders are reproduced, edited, and compared with the world's truth."""

import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.experiments.counterfactuals.new_rules import NewRule
from palimpsest.experiments.photographs.nearest_sample import NearestSample
from palimpsest.experiments.photographs.renders import changed_scenes, measure_renders
from palimpsest.experiments.photographs.settings import RenderSettings
from palimpsest.generators import sample_z
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.memory import Edit
from palimpsest.worlds import get_world
from tests.doubles.mouth_parts import MouthParts
from tests.doubles.square_session import features


class Filters(MouthParts):
    def features(self, images):
        return features(images)


SETTINGS = {
    "renders": 2,
    "seed": 9,
    "inversion": {"candidates": 16, "starts": 1, "z_steps": 3, "w_steps": 6},
    "adaptation": {"steps": 8, "kept": 2, "kept_batch": 1},
}


@pytest.fixture(scope="module")
def dome_rule():
    return NewRule(get_world("church"), "dome2spire")


@pytest.fixture(scope="module")
def distance():
    return PerceptualDistance(Filters())


@pytest.fixture(scope="module")
def small_edit(small_generator):
    torch.manual_seed(1)
    out, into = small_generator.layer(5).weight.shape[:2]
    about = {"layer": "5", "weights_sha256": small_generator.weights_sha256}
    directions = torch.nn.functional.normalize(torch.randn(1, into))
    return Edit(directions, torch.randn(out, 1, 3, 3), about)


def test_every_stage_is_compared_with_the_render_and_the_truth(
    small_generator, small_edit, dome_rule, distance
):
    measured = measure_renders(
        small_generator, small_edit, dome_rule, distance, RenderSettings.model_validate(SETTINGS)
    )
    table = measured.table.set_index(["picture", "render"])
    assert len(table) == 4 * 2
    means = measured.table.groupby("picture")["perceptual_error"].mean()
    assert means["adapted"] < means["best_w"]
    edited, truth = measured.pictures["edited"], measured.pictures["counterfactual"]
    assert table.loc[("edited", 1), "counterfactual_error"] == pytest.approx(
        float(distance(edited, truth)[1])
    )
    changed = (truth - measured.pictures["render"]).abs().amax(1) > 0.1
    assert 0 < changed.float().mean() < 0.3  # the tops of towers
    apart = ((edited - truth).square().mean(1)[1][changed[1]].mean() / 4).sqrt()
    assert table.loc[("edited", 1), "changed_pixel_error"] == pytest.approx(float(apart), rel=0.05)


def test_scenes_without_a_dome_are_passed_over(small_generator, dome_rule):
    settings = RenderSettings.model_validate(SETTINGS | {"renders": 5})
    before, after = changed_scenes(small_generator, dome_rule, settings)
    assert before.shape == after.shape == (5, 3, 32, 32)
    assert ((before - after).abs().amax((1, 2, 3)) > 0.1).all()
    scenes = dome_rule.counterfactual(sample_z(small_generator, 16, 9), 32)
    assert torch.equal(before[:2], scenes.before[:2]) and not scenes.changed.all()


def test_too_few_changed_scenes_are_told(small_generator, dome_rule):
    settings = RenderSettings.model_validate(SETTINGS | {"renders": 5000})
    with pytest.raises(ParameterError, match="renders 5000: dome2spire changes only"):
        changed_scenes(small_generator, dome_rule, settings)


def test_a_sample_is_its_own_nearest(small_generator, distance):
    z = sample_z(small_generator, 20, 4)[[3, 17]]
    found = NearestSample(distance, 20, 4).estimate(small_generator, small_generator(z))
    torch.testing.assert_close(found, small_generator.latents(z))
