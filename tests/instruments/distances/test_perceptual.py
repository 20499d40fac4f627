import lpips
import pytest
import torch
import torchvision

from palimpsest.errors import DownloadError, ParameterError
from palimpsest.instruments import PerceptualDistance
from palimpsest.instruments.distances import perceptual
from palimpsest.instruments.distances.perceptual import LpipsAlex, distance_named, unit_length
from tests.doubles.plain_segmenter import PlainSegmenter


class TwoStages(PlainSegmenter):
    """The image itself, and its 2 x 2 means: stages that can be computed by hand."""

    name = "two"

    def features(self, images):
        return [images, torch.nn.functional.avg_pool2d(images, 2)]


def pictures(n=3, side=64, seed=0):
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_the_formula_by_hand():
    # colours at right angles differ by 2 in unit length, parallel ones by 0, opposite ones by 4
    a = torch.zeros(1, 3, 4, 4)
    b = torch.zeros(1, 3, 4, 4)
    a[:, 0] = 0.5
    b[:, 1, :, :2] = 0.1
    b[:, 0, :, 2:] = 0.9
    distance = PerceptualDistance(TwoStages())
    spatial = distance.spatial(a, b)
    # the coarse stage is enlarged bilinearly, so only the outer columns are pure
    assert spatial[0, :, 0].allclose(torch.tensor(2.0), atol=1e-4)
    assert spatial[0, :, 3].allclose(torch.tensor(0.0), atol=1e-4)
    assert distance.spatial(a, -a).allclose(torch.tensor(4.0), atol=1e-4)
    assert distance(a, b).item() == pytest.approx(1.0, abs=1e-4)
    keep = torch.zeros(1, 4, 4, dtype=torch.bool)
    keep[:, :, 0] = True
    assert distance.masked(a, b, keep).item() == pytest.approx(2.0, abs=1e-4)


def test_over_a_segmenter(random_segmenter):
    distance = PerceptualDistance(random_segmenter)
    a, b = pictures(seed=1), pictures(seed=2)
    assert distance.name == "church-segmenter-encoder"
    assert (distance(a, a) == 0).all()
    assert torch.equal(distance(a, b), distance(b, a)) and (distance(a, b) > 0).all()
    spatial = distance.spatial(a, b)
    assert spatial.shape == (3, 64, 64)
    keep = torch.rand(3, 64, 64) > 0.3
    by_hand = torch.stack([d[k].mean() for d, k in zip(spatial, keep, strict=True)])
    assert distance.masked(a, b, keep).allclose(by_hand)
    assert distance.masked(a, b, torch.zeros_like(keep)).isnan().all()


def test_what_was_looked_at_stands_for_the_images(random_segmenter):
    distance = PerceptualDistance(random_segmenter)
    a, b, keep = pictures(seed=1), pictures(seed=2), torch.rand(3, 64, 64) > 0.3
    seen, other = distance.prepare(a), distance.prepare(b)
    assert len(seen) == 3 and seen.size == (64, 64)
    expected = distance.spatial(a, b)
    for first, second in ((seen, b), (a, other), (seen, other)):
        assert torch.equal(distance.spatial(first, second), expected)
        assert torch.equal(distance(first, second), distance(a, b))
        assert torch.equal(distance.masked(first, second, keep), distance.masked(a, b, keep))
    which = torch.tensor([True, False, True])
    assert torch.equal(distance.spatial(seen[which], other[which]), expected[which])
    assert torch.equal(distance.spatial(seen[1:], other[1:]), expected[1:])


def test_the_network_looks_once(random_segmenter):
    class Counting(TwoStages):
        looks = 0

        def features(self, images):
            self.looks += 1
            return super().features(images)

    counting = Counting()
    distance = PerceptualDistance(counting)
    seen = distance.prepare(pictures(seed=1))
    for seed in range(2, 5):
        distance(seen, pictures(seed=seed))
    assert counting.looks == 4


def test_what_was_looked_at_fits_images_of_its_size_only(random_segmenter):
    distance = PerceptualDistance(random_segmenter)
    seen = distance.prepare(pictures(3))
    for other in (pictures(2), pictures(3, side=128)):
        with pytest.raises(ValueError, match="do not match"):
            distance(seen, other)


def test_a_change_in_one_corner_is_local(random_segmenter):
    a = pictures(1, 128)
    b = a.clone()
    b[:, :, :24, :24] = -b[:, :, :24, :24]
    spatial = PerceptualDistance(random_segmenter).spatial(a, b)[0]
    assert spatial[:24, :24].mean() > 10 * spatial[80:, 80:].mean()


def test_gradients_are_finite_also_where_images_are_equal(random_segmenter):
    distance = PerceptualDistance(random_segmenter)
    a = pictures(1)
    b = (a + 0.1).requires_grad_()
    distance(a, b).sum().backward()
    assert b.grad.isfinite().all() and b.grad.abs().sum() > 0
    same = a.clone().requires_grad_()
    distance(a, same).sum().backward()
    assert same.grad.isfinite().all()


def test_unit_length():
    assert unit_length(torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)).flatten().tolist() == [
        pytest.approx(0.6),
        pytest.approx(0.8),
    ]
    assert (unit_length(torch.zeros(1, 5, 2, 2)) == 0).all()


def test_shapes_that_do_not_match(random_segmenter):
    distance = PerceptualDistance(random_segmenter)
    with pytest.raises(ValueError, match="do not match"):
        distance.spatial(pictures(2), pictures(3))
    with pytest.raises(ValueError, match="mask"):
        distance.masked(pictures(2), pictures(2), torch.ones(2, 32, 32))


def test_lpips_needs_the_published_weights(monkeypatch, tmp_path, random_segmenter):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(DownloadError, match="no such file"):
        LpipsAlex()
    with pytest.raises(DownloadError, match="no such file"):
        distance_named("lpips-alex", random_segmenter)
    assert distance_named("best", random_segmenter).name == "church-segmenter-encoder"
    file = tmp_path / "checkpoints" / perceptual.ALEXNET_FILE
    file.parent.mkdir()
    file.write_bytes(b"something else")
    for name in ("lpips-alex", "best"):
        with pytest.raises(DownloadError, match="sha256 starts with"):
            distance_named(name, random_segmenter)
    assert distance_named("encoder", random_segmenter).name == "church-segmenter-encoder"
    with pytest.raises(ParameterError, match="it can be best"):
        distance_named("vgg", random_segmenter)


def test_lpips_passes_through_the_package(monkeypatch):
    """The plumbing only, on a random AlexNet: that is no LPIPS, and it is named so nowhere."""
    asked = []

    class Standing:
        pass

    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(3, 64, 11, 4, 2), torch.nn.ReLU(True), torch.nn.MaxPool2d(3, 2),
        torch.nn.Conv2d(64, 192, 5, 1, 2), torch.nn.ReLU(True), torch.nn.MaxPool2d(3, 2),
        torch.nn.Conv2d(192, 384, 3, 1, 1), torch.nn.ReLU(True),
        torch.nn.Conv2d(384, 256, 3, 1, 1), torch.nn.ReLU(True),
        torch.nn.Conv2d(256, 256, 3, 1, 1), torch.nn.ReLU(True),
    )  # fmt: skip
    Standing.features = layers

    def alexnet(**options):
        asked.append(options)
        return Standing

    monkeypatch.setattr(lpips.pretrained_networks.tv, "alexnet", alexnet)
    monkeypatch.setattr(perceptual, "verified_alexnet", lambda: None)
    distance = LpipsAlex()
    assert asked == [{"pretrained": True}]  # never random weights
    a, b = pictures(2, seed=1), pictures(2, seed=2)
    assert distance.spatial(a, b).shape == (2, 64, 64)
    assert torch.equal(distance(distance.prepare(a), b), distance(a, b))
    assert distance(a, a).abs().max() < 1e-6 < distance(a, b).min()
    keep = torch.ones(2, 64, 64)
    assert distance.masked(a, b, keep).allclose(distance(a, b))


@pytest.fixture(scope="module")
def random_lpips(tmp_path_factory):
    """LPIPS on a random AlexNet: its plumbing, not its distances."""
    file = tmp_path_factory.mktemp("alexnet") / "alexnet.pth"
    torch.manual_seed(0)
    torch.save(torchvision.models.alexnet(weights=None).state_dict(), file)
    return LpipsAlex(file)


@pytest.mark.parametrize("size", [(16, 16), (8, 8), (16, 32), (30, 24)])
def test_lpips_of_small_images_is_that_of_enlarged_ones(random_lpips, size):
    a, b = (pictures(2, 32, seed)[:, :, : size[0], : size[1]] for seed in (1, 2))
    factor = 32 / min(size)
    large = [
        torch.nn.functional.interpolate(
            one, [round(factor * side) for side in size], mode="bilinear", align_corners=False
        )
        for one in (a, b)
    ]
    spatial = random_lpips.spatial(a, b)
    assert spatial.shape == (2, *size)
    whole = random_lpips.spatial(*large).mean((1, 2))
    # cells of a pixel overlap where the factor is no whole number
    assert random_lpips(a, b).allclose(whole, rtol=1e-4 if factor % 1 == 0 else 0.05)
    assert random_lpips(a, a).abs().max() < 1e-6 < random_lpips(a, b).min()
    prepared = random_lpips.prepare(a)
    assert prepared.size == size and torch.equal(random_lpips.spatial(prepared, b), spatial)
    # a change in one place is far from another one
    other = a.clone()
    other[:, :, : size[0] // 4] *= -1
    rows = random_lpips.spatial(a, other).mean((0, 2))
    assert rows[0] > rows[-1]


def test_lpips_says_where_it_enlarged(random_lpips):
    assert random_lpips.name_for((32, 32)) == random_lpips.name == "lpips-alex"
    assert random_lpips.name_for((64, 16)) == "lpips-alex-enlarged-to-32"
    distance = PerceptualDistance(TwoStages())
    assert distance.name_for((16, 16)) == distance.name
