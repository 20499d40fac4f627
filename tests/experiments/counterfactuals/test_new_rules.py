"""The world's counterfactuals: which scenes a rule changes, and how far images are from it."""

import numpy as np
import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.comparison.measure import RewrittenGenerator
from palimpsest.experiments.counterfactuals.measure import measure_counterfactuals
from palimpsest.experiments.counterfactuals.new_rules import NewRule
from palimpsest.experiments.counterfactuals.table import counterfactuals_table
from palimpsest.generators import sample_z
from palimpsest.generators.pictures import as_input
from palimpsest.instruments import PerceptualDistance


@pytest.fixture
def z(church):
    return torch.from_numpy(np.random.RandomState(5).standard_normal((24, church.z_dim))).float()


def test_only_scenes_that_the_rule_speaks_of_change(church, z):
    scene = church.scene(z.numpy())
    after, changed = church.under_rule("dome2spire", scene)
    dome = scene.named("top") == "dome"
    assert 0 < dome.sum() < len(z) and (changed == dome).all()
    assert (after.named("top")[dome] == "spire").all()
    assert (after.named("top")[~dome] == scene.named("top")[~dome]).all()
    for name in set(scene.values) - {"top"}:
        assert (after.values[name] == scene.values[name]).all()
    with pytest.raises(ValueError, match="no rule 'hat'"):
        church.under_rule("hat", scene)


def test_scenes_that_follow_the_rule_already_do_not_change(church, z):
    scene = church.scene(z.numpy()).with_(tree_left=False, tree_right=False, tree_front=False)
    assert not church.under_rule("remove_trees", scene)[1].any()


def test_the_counterfactual_itself_has_no_error(church, z, random_segmenter):
    distance = PerceptualDistance(random_segmenter)
    scenes = NewRule(church, "dome2spire").counterfactual(z, 64)
    scene = church.scene(z.numpy())
    after, changed = church.under_rule("dome2spire", scene)
    assert (scenes.changed.numpy() == changed).all()
    true = as_input(church.render(after, 64).images)
    false = as_input(church.render(scene, 64).images)
    errors = scenes.errors(distance, true)
    assert (errors[changed] < 1e-6).all() and errors[~changed].isnan().all()
    assert (scenes.errors(distance, false)[changed] > 1e-3).all()
    assert (scenes.own_errors(distance, false)[changed] < 1e-6).all()


def test_no_scene_to_change_is_no_error(church, random_segmenter):
    z = torch.from_numpy(np.random.RandomState(5).standard_normal((40, church.z_dim))).float()
    plain = z[church.scene(z.numpy()).named("top") != "dome"][:3]
    scenes = NewRule(church, "dome2spire").counterfactual(plain, 32)
    images = torch.zeros(3, 3, 32, 32)
    distance = PerceptualDistance(random_segmenter)
    for told in (scenes, scenes.seen_by(distance)):
        assert told.errors(distance, images).isnan().all()


def test_cached_renders_have_the_same_errors(church, z, random_segmenter):
    distance = PerceptualDistance(random_segmenter)
    scenes = NewRule(church, "dome2spire").counterfactual(z, 64)
    seen = scenes.seen_by(distance)
    images = as_input(church.render(church.scene(z.numpy()), 64).images)
    some = scenes.changed.numpy()
    assert some.any() and not some.all()
    for held in (images, distance.prepare(images)):
        for name in ("errors", "own_errors"):
            told = getattr(seen, name)(distance, held)
            expected = getattr(scenes, name)(distance, images)
            assert told.isnan().equal(expected.isnan())
            assert torch.allclose(told[some], expected[some], atol=1e-6)
    assert seen.seen_by(distance) is seen


def test_an_unknown_rule_is_named(church):
    with pytest.raises(ParameterError, match="no rule 'hat'; it has: dome2spire"):
        NewRule(church, "hat")


def test_edits_against_counterfactuals(church, small_generator, random_segmenter):
    g, distance = small_generator, PerceptualDistance(random_segmenter)
    weight = g.layer(6).weight
    methods = [RewrittenGenerator("dome2spire", g.with_weight(6, weight * 1.5), 6)]
    methods += [RewrittenGenerator("remove_trees", g, 6)]  # an edit that changes nothing
    rows = measure_counterfactuals(g, church, distance, methods, n=12, seed=2, batch=5)
    assert list(rows["session"].unique()) == ["dome2spire", "remove_trees"]
    _, changed = church.under_rule("dome2spire", church.scene(sample_z(g, 12, 2).numpy()))
    spires = rows[rows["session"] == "dome2spire"]
    assert list(spires["sample"]) == [i for i in np.flatnonzero(changed) for _ in range(2)]
    table = counterfactuals_table({"church": rows.assign(scale="smoke")}, Intervals(resamples=50))
    table = table.set_index(["session", "method"])
    still, edited = (
        table.loc[("remove_trees", m), "counterfactual_error"] for m in ("unmodified", "edited")
    )
    assert still == pytest.approx(edited) and still > 0
    assert table.loc[("remove_trees", "edited"), "nearer_percent"] == 0
    moved = spires.pivot(index="sample", columns="method", values="counterfactual_error")
    share = 100 * (moved["edited"] < moved["unmodified"]).mean()
    assert table.loc[("dome2spire", "edited"), "nearer_percent"] == pytest.approx(share)
    assert np.isnan(table.loc[("dome2spire", "unmodified"), "nearer_percent"])
    assert table.loc[("dome2spire", "edited"), "n"] == changed.sum()
