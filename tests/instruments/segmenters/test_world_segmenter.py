import numpy as np
import pytest
import torch

from palimpsest.errors import CheckpointError, ParameterError
from palimpsest.files.arrays import load_arrays, save_arrays
from palimpsest.instruments.segmenters.world_segmenter import METADATA_KEY, WorldSegmenter


@pytest.fixture(scope="module")
def images():
    return torch.rand(19, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_labels_are_the_largest_scores(random_segmenter, images):
    labels = random_segmenter.labels(images)
    assert labels.dtype == torch.int64 and labels.shape == (19, 64, 64)
    assert torch.equal(labels[:16], random_segmenter.logits(images[:16]).argmax(1))
    assert len(labels.unique()) > 2


def test_an_image_does_not_depend_on_its_batch(random_segmenter, images):
    together = random_segmenter.labels(images)
    alone = torch.cat([random_segmenter.labels(image[None]) for image in images])
    scores = random_segmenter.logits(images[:16])
    first, second = scores.topk(2, dim=1).values.unbind(1)
    clear = first - second > 1e-3 * scores.abs().max()  # where two tie, rounding may decide
    assert clear.float().mean() > 0.9
    assert torch.equal(together[:16][clear], alone[:16][clear])


def test_other_sizes(random_segmenter):
    assert random_segmenter.labels(torch.zeros(1, 3, 128, 96)).shape == (1, 128, 96)
    with pytest.raises(ParameterError, match="multiples of 32 pixels, not 60 x 64"):
        random_segmenter.labels(torch.zeros(1, 3, 60, 64))
    with pytest.raises(ValueError, match="floats"):
        random_segmenter.labels(torch.zeros(1, 64, 64, 3, dtype=torch.uint8))


def test_features_are_stages_of_falling_size(random_segmenter, images):
    stages = random_segmenter.features(images[:2])
    assert [stage.shape[-1] for stage in stages] == [32, 16, 8, 4, 2]
    assert tuple(stage.shape[1] for stage in stages) == random_segmenter.feature_channels


def test_features_pass_gradients_to_the_images(random_segmenter, images):
    wanted = images[:1].clone().requires_grad_()
    sum(stage.square().mean() for stage in random_segmenter.features(wanted)).backward()
    assert wanted.grad.isfinite().all() and wanted.grad.abs().sum() > 0


def test_saved_and_loaded(random_segmenter, images, tmp_path):
    random_segmenter.save(tmp_path / "exact.safetensors", dtype=torch.float32)
    same = WorldSegmenter.load(tmp_path / "exact.safetensors")
    assert torch.equal(same.labels(images), random_segmenter.labels(images))
    assert same.classes == random_segmenter.classes and same.name == "church-segmenter"
    assert same.facts == {"seed": 3}
    random_segmenter.save(tmp_path / "half.safetensors")
    half = WorldSegmenter.load(tmp_path / "half.safetensors")
    agree = (half.labels(images) == random_segmenter.labels(images)).float().mean()
    assert agree > 0.97
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "exact")]
    assert sizes[0] < 0.6 * sizes[1]


def test_classes_by_name(random_segmenter):
    assert random_segmenter.classes[random_segmenter.index("dome")] == "dome"
    with pytest.raises(ParameterError, match="no class 'doom'; it has: sky"):
        random_segmenter.index("doom")


def test_files_that_are_no_segmenter(random_segmenter, tmp_path):
    path = tmp_path / "s.safetensors"
    with pytest.raises(CheckpointError, match="no such file"):
        WorldSegmenter.load(path)
    save_arrays(path, {"a": np.zeros(3)}, {"layer": "6"})
    with pytest.raises(CheckpointError, match="not a segmenter file"):
        WorldSegmenter.load(path)
    random_segmenter.save(path)
    arrays, metadata = load_arrays(path)
    arrays.pop("segmentation_head.0.weight")
    save_arrays(path, arrays, metadata)
    with pytest.raises(CheckpointError, match="does not fit its weights") as caught:
        WorldSegmenter.load(path)
    assert "\n" not in " ".join(str(caught.value).split()) and str(path) in str(caught.value)
    save_arrays(path, arrays, {METADATA_KEY: "{}"})
    with pytest.raises(CheckpointError, match="does not fit"):
        WorldSegmenter.load(path)
