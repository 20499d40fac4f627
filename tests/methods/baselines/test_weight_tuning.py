"""Tuning reaches its goal, changes what it says, and leaves its generator alone."""

import torch

from palimpsest.generators import load_generator, sample_z, save_generator
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.methods.baselines.pasting import paste_image
from palimpsest.methods.baselines.weight_tuning import tune_all, tune_layer
from palimpsest.sessions.opening import open_session
from tests.doubles.plain_segmenter import PlainSegmenter


def distance(a, b):
    """A stand-in for a perceptual distance: squared difference of blurred pictures."""
    soft = torch.nn.functional.avg_pool2d(a - b, 4)
    return soft.square().mean(dim=(1, 2, 3))


def test_one_layer_reaches_the_goal_and_changes_that_layer_alone(generator, session):
    goal = open_session(generator, session, exemplars=(0,)).goals[0]
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    tuned = tune_layer(generator, 6, goal, learning_rate=0.02, iterations=150)
    assert tuned.loss_after < 0.3 * tuned.loss_before
    changed = {
        name
        for name, tensor in tuned.generator.state_dict().items()
        if not torch.equal(tensor, before[name])
    }
    assert changed == {"convs.3.conv.weight"}
    assert all(torch.equal(t, before[n]) for n, t in generator.state_dict().items())


def test_loss_is_that_of_the_low_rank_methods(generator, session):
    from palimpsest.memory import Problem

    goal = open_session(generator, session, exemplars=(0,)).goals[0]
    tuned = tune_layer(generator, 6, goal, iterations=1)
    problem = Problem(generator.layer(6), (goal,), torch.eye(12)[:1])
    assert abs(tuned.loss_before - problem.loss(problem.weight).item()) < 1e-6


def test_all_weights_reach_the_pasted_picture(generator, session):
    goal = paste_image(generator, session)
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    tuned = tune_all(generator, goal, distance, learning_rate=0.003, iterations=120)
    assert tuned.loss_after < 0.6 * tuned.loss_before
    error = (tuned.generator(goal.z) - goal.image).abs().mean()
    assert error < (generator(goal.z) - goal.image).abs().mean()
    changed = [
        name
        for name, tensor in tuned.generator.state_dict().items()
        if not torch.equal(tensor, before[name])
    ]
    assert any(name.startswith("style.") for name in changed)
    assert any(name.startswith("to_rgbs.") for name in changed)
    assert all(torch.equal(t, before[n]) for n, t in generator.state_dict().items())
    assert not any(p.requires_grad for p in tuned.generator.parameters())
    assert tuned.generator.model_sha256 == generator.weights_sha256
    assert tuned.generator.weights_sha256 != generator.weights_sha256


def test_smoothness_holds_other_samples(generator, session):
    goal = paste_image(generator, session)
    z = sample_z(generator, 8, 3)
    kept = generator(z)

    def moved(weight):
        tuned = tune_all(
            generator, goal, distance, learning_rate=0.003, iterations=80, smooth_weight=weight
        )
        return (tuned.generator(z) - kept).abs().mean().item()

    assert moved(3.0) < 0.8 * moved(0.0)


def test_tuned_weights_survive_their_file(generator, session, tmp_path):
    goal = paste_image(generator, session)
    tuned = tune_all(generator, goal, distance, iterations=3)
    save_generator(tuned.generator, tmp_path / "tuned.safetensors", {"method": "finetune_all"})
    loaded = load_generator(tmp_path / "tuned.safetensors")
    assert torch.equal(loaded(goal.z), tuned.generator(goal.z))
    assert loaded.provenance["method"] == "finetune_all"


def test_features_of_the_pasted_picture_are_computed_once(generator, session):
    goal = paste_image(generator, session)
    of_goal = []

    class Noted(PlainSegmenter):
        def features(self, images):
            of_goal.append(torch.equal(images, goal.image))
            return super().features(images)

    tuned = tune_all(generator, goal, PerceptualDistance(Noted()), iterations=4)
    assert of_goal.count(True) == 1 and of_goal.count(False) == 4 + 2
    anew = tune_all(generator, goal, lambda a, b: PerceptualDistance(Noted())(a, b), iterations=4)
    assert of_goal.count(True) == 1 + 4 + 2
    for one, other in zip(tuned.generator.parameters(), anew.generator.parameters(), strict=True):
        assert torch.equal(one, other)
