"""Adversarial training: a function of its recipe, resumable to the bit, growing without a jump."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from palimpsest.errors import ParameterError
from palimpsest.generators import load_generator, sample_z, save_generator
from palimpsest.training.adversarial import AdversarialRecipe, AdversarialTraining
from palimpsest.training.augmentation import INTERVAL, MOST, AugmentationStrength, augmented
from palimpsest.training.discriminator import Discriminator, minibatch_deviation
from palimpsest.training.photographs import Photographs

RECIPE = {
    "channels": {4: 8, 8: 8, 16: 8},
    "stages": [
        {"resolution": 8, "images": 80, "batch": 8},
        {"resolution": 16, "images": 80, "batch": 8, "joining": 40},
    ],
    "z_dim": 6,
    "style_dim": 8,
    "mapping_layers": 2,
}


def training(**changes: object) -> AdversarialTraining:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
    return AdversarialTraining(AdversarialRecipe.model_validate(RECIPE | changes), pixels)


def weights(run: AdversarialTraining) -> list[torch.Tensor]:
    networks = (run.generator, run.average, run.discriminator)
    return [p.detach().clone() for network in networks for p in network.parameters()]


def test_two_runs_of_a_recipe_are_the_same_for_20_steps() -> None:
    first, second = training(), training()
    for _ in range(20):
        assert first.advance() == second.advance()
    assert all(map(torch.equal, weights(first), weights(second)))


def test_another_seed_is_another_run() -> None:
    assert training().advance() != training(seed=1).advance()


def test_a_stopped_run_goes_on_to_the_bit(tmp_path: Path) -> None:
    whole, stopped = training(), training()
    whole.run(stop_at=14)
    stopped.run(tmp_path / "checkpoint.pt", stop_at=9)
    going_on = training()
    going_on.resume(tmp_path / "checkpoint.pt")
    going_on.run(stop_at=14)
    assert all(map(torch.equal, weights(whole), weights(going_on)))
    assert going_on.strength.state_dict() == whole.strength.state_dict()
    assert going_on.curve == whole.curve


def test_a_run_leaves_the_global_random_state_alone() -> None:
    run = training()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run.advance()
    assert torch.equal(torch.rand(3), expected)


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    training().run(tmp_path / "checkpoint.pt", stop_at=1)
    with pytest.raises(ParameterError, match="another recipe"):
        training(rate=0.1).resume(tmp_path / "checkpoint.pt")
    shorter = [{"resolution": 8, "images": 40, "batch": 8}]
    with pytest.raises(ParameterError, match="another recipe"):
        training(stages=shorter).resume(tmp_path / "checkpoint.pt")


def test_stages_that_had_not_begun_may_change(tmp_path: Path) -> None:
    training().run(tmp_path / "checkpoint.pt", stop_at=1)
    other = training(stages=[RECIPE["stages"][0], {"resolution": 16, "images": 800, "batch": 8}])
    other.resume(tmp_path / "checkpoint.pt")
    assert other.step == 1


def test_gamma_follows_the_resolution_and_a_stage_may_have_its_own_r1() -> None:
    stages = [*RECIPE["stages"], {"resolution": 16, "images": 8, "batch": 8, "r1": 0.0}]
    recipe = AdversarialRecipe.model_validate(RECIPE | {"stages": stages, "r1": 0.01})
    gammas = [recipe.gamma(stage) for stage in recipe.stages]
    assert gammas == pytest.approx([0.01 * 8**2 / 8, 0.01 * 16**2 / 8, 0.0])


def test_a_stage_may_have_its_own_rate() -> None:
    slow = [RECIPE["stages"][0], RECIPE["stages"][1] | {"rate": 1e-9}]
    run = training(stages=slow)
    for _ in range(10):
        run.advance()
    before = weights(run)[: len(list(run.generator.parameters()))]
    run.advance()
    after = weights(run)[: len(before)]
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(before, after, strict=True))


def test_the_generator_may_have_its_own_rate() -> None:
    slow = [RECIPE["stages"][0], RECIPE["stages"][1] | {"generator_rate": 1e-9}]
    run = training(stages=slow)
    for _ in range(10):
        run.advance()

    def parameters() -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        networks = (run.generator, run.discriminator)
        return tuple([p.detach().clone() for p in one.parameters()] for one in networks)

    (made, judged), _ = parameters(), run.advance()
    (made_after, judged_after) = parameters()
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(made, made_after, strict=True))
    assert any((a - b).abs().max() > 1e-4 for a, b in zip(judged, judged_after, strict=True))


def test_a_checkpoint_without_a_newer_setting_has_its_default(tmp_path: Path) -> None:
    training().run(tmp_path / "checkpoint.pt", stop_at=1)
    held = torch.load(tmp_path / "checkpoint.pt", weights_only=False)
    for stage in held["recipe"]["stages"]:
        del stage["generator_rate"]
    torch.save(held, tmp_path / "checkpoint.pt")
    run = training()
    run.resume(tmp_path / "checkpoint.pt")
    assert run.step == 1
    slower = [RECIPE["stages"][0] | {"generator_rate": 1e-9}, RECIPE["stages"][1]]
    with pytest.raises(ParameterError, match="another recipe"):
        training(stages=slower).resume(tmp_path / "checkpoint.pt")


def test_a_stage_may_begin_with_silent_noise_inputs() -> None:
    run = training(
        stages=[RECIPE["stages"][0], RECIPE["stages"][1] | {"rate": 1e-9, "noise_anew": True}]
    )
    for _ in range(10):
        run.advance()
    assert run.average.conv1.noise.weight.abs() > 0
    run.advance()
    for g in (run.generator, run.average):
        assert all(g.styled_conv(n).noise.weight.abs() < 1e-6 for n in g.layers)


def test_a_stage_without_a_width_is_refused() -> None:
    with pytest.raises(ParameterError, match="a stage has resolution 32; channels has 4, 8, 16"):
        training(stages=[{"resolution": 32, "images": 8, "batch": 8}])


def test_the_finished_generator_is_a_stylegan2_file(tmp_path: Path) -> None:
    run = training()
    for _ in range(12):
        run.advance()
    g = run.finished()
    save_generator(g, tmp_path / "faces.safetensors")
    loaded = load_generator(tmp_path / "faces.safetensors")
    assert (loaded.kind, loaded.resolution, loaded.z_dim) == ("stylegan2", 16, 6)
    z = sample_z(loaded, 3, seed=1)
    torch.testing.assert_close(loaded(z), g(z), atol=2 / 255 / 10, rtol=0)  # no visible difference
    assert not torch.equal(loaded.latent_avg, torch.zeros(8))


def test_photographs_smaller_than_the_recipe_are_refused() -> None:
    with pytest.raises(ParameterError, match="smaller"):
        AdversarialTraining(
            AdversarialRecipe.model_validate(RECIPE), np.zeros((4, 8, 8), dtype=np.uint8)
        )


def test_a_new_resolution_joins_without_a_jump() -> None:
    torch.manual_seed(0)
    judge = Discriminator({4: 8, 8: 8, 16: 8})
    images = torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(judge(images, joining=0.0), judge(F.avg_pool2d(images, 2)))


def test_minibatch_deviation_is_0_for_equal_images() -> None:
    equal = torch.randn(1, 3, 4, 4).expand(4, -1, -1, -1)
    assert float(minibatch_deviation(equal).max()) <= 1.01e-4  # the square root of what is added
    assert float(minibatch_deviation(torch.randn(4, 3, 4, 4)).min()) > 0.1


def test_augmentation_of_strength_0_is_the_identity() -> None:
    images = torch.randn(4, 3, 8, 8)
    assert augmented(images, 0.0) is images


def test_augmentation_is_differentiable_and_changes_a_share_of_the_images() -> None:
    torch.manual_seed(0)
    images = torch.randn(400, 3, 8, 8, requires_grad=True)
    changed = augmented(images, 0.2)
    changed.sum().backward()
    assert images.grad.isfinite().all()
    same = ((changed - images).abs().amax(dim=(1, 2, 3)) < 1e-4).float().mean()
    # six changes, each of one image in five, one of which (mirroring) shows in half of those
    assert abs(float(same) - 0.8**5 * 0.9) < 0.1


def test_strength_follows_overfitting_within_its_bounds() -> None:
    strength = AugmentationStrength(0.1)
    for sign, images, bound in ((0.9, 1000, 0.1), (1.0, 10**9, MOST)):
        for _ in range(INTERVAL):
            strength.follow(sign, images)
        assert bound < strength.value or strength.value == bound == MOST
    for _ in range(INTERVAL):
        strength.follow(-1.0, 10**9)
    assert strength.value == 0.0


def archive(path: Path, names: list[str], side: int = 64) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for i, name in enumerate(names):
            picture = io.BytesIO()
            Image.fromarray(np.full((side, side), i, dtype=np.uint8)).save(picture, "JPEG")
            file.writestr(name, picture.getvalue())
    return path


def test_every_eighth_photograph_is_held_out(tmp_path: Path) -> None:
    names = [f"smiling/{i}.jpg" for i in range(1, 17)] + ["not_smiling/8.jpg", "README.md"]
    read = Photographs.read(archive(tmp_path / "set.zip", names))
    assert read.held_out.names == ("not_smiling/8", "smiling/8", "smiling/16")
    assert list(read.held_out.smiling) == [False, True, True]
    assert len(read.training) == 14


def test_the_repositorys_own_folders_are_read(tmp_path: Path) -> None:
    names = [
        "SMILEsmileD-master/SMILEs/positives/positives7/3.jpg",
        "SMILEsmileD-master/SMILEs/negatives/negatives7/8.jpg",
    ]
    read = Photographs.read(archive(tmp_path / "set.zip", names))
    assert (read.training.names, read.held_out.names) == (("smiling/3",), ("not_smiling/8",))


@pytest.mark.parametrize(
    ("names", "side", "message"),
    [(["other/1.jpg"], 64, "holds no photographs"), (["smiling/1.jpg"], 32, "32 x 32")],
)
def test_what_is_no_set_of_photographs_is_refused(
    tmp_path: Path, names: list[str], side: int, message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        Photographs.read(archive(tmp_path / "set.zip", names, side))


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"no archive")
    with pytest.raises(ParameterError, match="not a readable zip archive"):
        Photographs.read(tmp_path / "set.zip")
