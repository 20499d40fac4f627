"""Parts of photographs: the mouth region, its label by the classifier, the backbone's maps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from palimpsest.errors import CheckpointError, ParameterError
from palimpsest.instruments.classifiers.attribute_classifier import AttributeClassifier
from palimpsest.instruments.classifiers.contrast_network import ContrastArchitecture
from palimpsest.instruments.distances.frechet_reference import FrechetReference
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.instruments.loading import load_segmenter
from palimpsest.instruments.segmenters.backbone_training import BackboneTraining, DamagedPhotographs
from palimpsest.instruments.segmenters.photograph_parts import (
    BackboneArchitecture,
    PhotographParts,
    ellipse,
    parts_of,
)
from palimpsest.training.degradation import blur
from palimpsest.training.instrument_recipes import MouthRegion, PhotographRecipe
from palimpsest.training.photograph_batches import grey_images
from palimpsest.training.photographs import Photographs, PhotographSet
from tests.doubles.drawn_photographs import drawn_set

ROOT = Path(__file__).parents[3]
MINI = ROOT / "data/weights/mini"
ARCHIVE = ROOT / "../shared/photographs/faces.zip"
SMALL = BackboneArchitecture((4, 6, 8))


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return grey_images(drawn_set(4).images)


@pytest.fixture(scope="module")
def parts() -> PhotographParts:
    """Random networks whose classifier says of some drawn faces that they smile."""
    torch.manual_seed(5)
    architecture = ContrastArchitecture(widths=(4, 6), hidden=4)
    network = architecture.build().eval()
    with torch.no_grad():
        network[-2].bias -= network(grey_images(drawn_set(4).images)).median()
    smile = AttributeClassifier(network, architecture, "", "smile", 64)
    return parts_of(smile, SMALL.build(), SMALL, MouthRegion(), {"seed": 5})


def test_the_mouth_region_is_labelled_by_the_smile_and_the_rest_is_face(parts, images) -> None:
    labels = parts.labels(images)
    assert labels.dtype == torch.int64 and labels.shape == (8, 64, 64)
    smiling = parts.smile_scores(images) >= 0
    assert 0 < smiling.sum() < 8
    assert (labels[:, ~parts.mouth] == parts.index("face")).all()
    assert (labels[smiling][:, parts.mouth] == parts.index("smile")).all()
    assert (labels[~smiling][:, parts.mouth] == parts.index("mouth")).all()


def test_scores_are_those_of_the_classifier_and_carry_gradients(parts, images) -> None:
    wanted = images[:2].clone().requires_grad_()
    parts.smile_scores(wanted).sum().backward()
    assert wanted.grad.isfinite().all() and wanted.grad.abs().sum() > 0
    torch.testing.assert_close(
        parts.smile_scores(images), parts.smile_scores(images.flip(3)), rtol=1e-4, atol=1e-4
    )


def test_the_probability_to_smile_decides_the_label(parts, images) -> None:
    probability = parts.probabilities(images)["smile"]
    torch.testing.assert_close(probability, parts.smile_scores(images).sigmoid())
    smiles = (parts.labels(images) == parts.classes.index("smile")).any(2).any(1)
    sure = (probability - 0.5).abs() > 1e-4
    assert torch.equal(smiles[sure], probability[sure] > 0.5) and 0 < smiles.sum() < len(smiles)


def test_exposure_does_not_change_a_score(parts, images) -> None:
    darker = images * 0.6 - 0.2
    # not exactly: the deviation is floored, so that a uniform image stays near 0
    torch.testing.assert_close(
        parts.smile_scores(darker), parts.smile_scores(images), rtol=0.02, atol=0.02
    )


def test_features_halve_and_carry_gradients(parts, images) -> None:
    wanted = images[:2].clone().requires_grad_()
    maps = parts.features(wanted)
    assert [stage.shape[-1] for stage in maps] == [64, 32, 16]
    assert tuple(stage.shape[1] for stage in maps) == parts.feature_channels
    sum(stage.square().mean() for stage in maps).backward()
    assert wanted.grad.isfinite().all() and wanted.grad.abs().sum() > 0
    assert parts.pooled(images).shape == (8, 8)


def test_images_of_another_size_are_refused(parts) -> None:
    with pytest.raises(ParameterError, match="multiples of 4 pixels, not 62 x 64"):
        parts.features(torch.zeros(1, 3, 62, 64))
    with pytest.raises(ParameterError, match="64 x 64 pixels, not 32 x 32"):
        parts.labels(torch.zeros(1, 3, 32, 32))


def test_saved_loaded_and_refused(parts, images, tmp_path) -> None:
    parts.save(tmp_path / "parts.safetensors", dtype=torch.float32)
    same = load_segmenter(tmp_path / "parts.safetensors")
    assert isinstance(same, PhotographParts) and same.facts == {"seed": 5} and same.world == ""
    assert same.backbone_sha256 == parts.backbone_sha256
    assert torch.equal(same.labels(images), parts.labels(images))
    torch.testing.assert_close(same.features(images)[-1], parts.features(images)[-1])
    with pytest.raises(CheckpointError, match="not a parts of photographs file"):
        PhotographParts.load(MINI / "face-smile.safetensors")
    content = (tmp_path / "parts.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match=r"cut.safetensors: damaged"):
        load_segmenter(tmp_path / "cut.safetensors")


def test_an_ellipse_has_its_area_and_centre() -> None:
    region = ellipse(64, row=40, column=30, height=20, width=30)
    rows, columns = region.nonzero().double().mean(0) + 0.5
    assert abs(float(region.sum()) - torch.pi * 10 * 15) < 15
    assert (float(rows), float(columns)) == pytest.approx((40, 30), abs=0.3)


def small(count: int) -> PhotographSet:
    """Drawn faces at 16 x 16, for quick training."""
    faces = drawn_set(count)
    return PhotographSet(faces.images[:, ::4, ::4], faces.smiling, faces.names)


def test_a_backbone_learns_to_restore() -> None:
    training = BackboneTraining(PhotographRecipe(steps=40, batch=8, rate=5e-2), small(6), SMALL)
    before = training.advance()
    training.run(stop_at=39)
    assert training.advance()["restoration"] < 0.8 * before["restoration"]
    assert training.facts()["trained on"] == "12 photographs"


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path) -> None:
    recipe = PhotographRecipe(steps=6, batch=8)
    whole, half, again = (BackboneTraining(recipe, small(6), SMALL) for _ in range(3))
    whole.run()
    half.run(tmp_path / "checkpoint.pt", stop_at=3)
    again.resume(tmp_path / "checkpoint.pt")
    again.run()
    one, two = whole.finished().state_dict(), again.finished().state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_damage_covers_squares_and_tints_half() -> None:
    batch = DamagedPhotographs(PhotographRecipe(batch=16), drawn_set(6))[3]
    assert ((batch.images == 0).all(1).float().mean() - 0.2).abs() < 0.08
    grey = (batch.clean[:, 0] == batch.clean[:, 1]).flatten(1).all(1)
    assert int(grey.sum()) == 8


@pytest.fixture(scope="module")
def shipped() -> PhotographParts:
    return PhotographParts.load(MINI / "photo_faces-parts.safetensors")


def test_the_shipped_files_fit_each_other(shipped) -> None:
    reference = FrechetReference.load(MINI / "photo_faces-reference.safetensors")
    assert reference.network == shipped.backbone_sha256
    smile = AttributeClassifier.load(MINI / "photo_faces-smile.safetensors")
    images = grey_images(drawn_set(5).images)
    assert torch.equal(shipped.smile_scores(images) >= 0, smile.shows(images))
    assert (MINI / "photo_faces-parts.safetensors").stat().st_size < 3_000_000


def test_the_shipped_distance_grows_with_the_change(shipped) -> None:
    """Of drawn faces, which it has never seen: more blur is farther, another face farther still."""
    images = grey_images(drawn_set(8).images[::2])
    distance = PerceptualDistance(shipped)
    blurred = [float(distance(images, blur(images, sigma)).mean()) for sigma in (0.3, 0.6, 1.2)]
    other = float(distance(images, images.roll(1, 0)).mean())
    assert float(distance(images, images).max()) < 1e-6
    assert 0 < blurred[0] < blurred[1] < blurred[2] < other


def test_the_shipped_distance_orders_changes_of_held_out_photographs(shipped) -> None:
    """What a person hardly sees is near, what changes who it is is far (docs/photographs.md)."""
    if not ARCHIVE.is_file():
        pytest.skip("needs the photographs, which are not part of the project")
    images = grey_images(Photographs.read(ARCHIVE).held_out.images[::32])
    distance = PerceptualDistance(shipped)
    changed = (images * 0.8, images.roll(1, 3), blur(images, 1.5), images.roll(1, 0))
    found = [float(distance(images, one).mean()) for one in changed]
    assert found == sorted(found) and found[-1] > 4 * found[0]


def test_the_shipped_distance_sees_colour(shipped) -> None:
    images = grey_images(drawn_set(4).images)
    tinted = images + torch.tensor([0.3, 0.0, -0.3])[:, None, None]
    assert float(PerceptualDistance(shipped)(images, tinted).min()) > 0.001
