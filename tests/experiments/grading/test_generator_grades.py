import numpy as np
import pytest
import torch
from torch import nn

from palimpsest.errors import ParameterError
from palimpsest.experiments.grading.generator_grades import (
    class_pixels,
    grade_generator,
    least_pixels,
)
from palimpsest.generators.pictures import as_input, as_picture
from tests.doubles.plain_segmenter import PlainSegmenter


class Renderer(nn.Module):
    """A generator that has learned its world perfectly."""

    classes = 0

    def __init__(self, world, resolution=64):
        super().__init__()
        self.world, self.resolution, self.z_dim = world, resolution, world.z_dim

    def forward(self, z):
        return as_input(self.world.render(self.world.scene(z.numpy()), self.resolution).images)


class Oracle(PlainSegmenter):
    """A segmenter that knows the exact labels of the renders it has been shown."""

    name, world, stride = "oracle", "church", 32

    def __init__(self, world, features):
        self.classes, self._features, self._world = world.classes, features.features, world
        self.known = {}

    def show(self, z, resolution):
        picture = self._world.render(self._world.scene(z.numpy()), resolution)
        for image, labels in zip(picture.images, picture.labels, strict=True):
            self.known[image.tobytes()] = torch.from_numpy(labels)

    def features(self, images):
        return self._features(images)

    def labels(self, images):
        return torch.stack([self.known[image.tobytes()] for image in as_picture(images)]).long()


@pytest.fixture(scope="module")
def perfect(church, random_segmenter):
    from palimpsest.generators.samples import standard_normal

    oracle = Oracle(church, random_segmenter)
    oracle.show(standard_normal(30, church.z_dim, 4), 64)
    grades = grade_generator(Renderer(church), oracle, church, n=30, seed=4, batch=8, resamples=50)
    return grades, grades.table.set_index("figure")


def test_a_perfect_generator_gets_perfect_grades(perfect):
    grades, table = perfect
    for figure in ("mean_iou", "pixel_accuracy", "dome_iou", "sky_iou"):
        assert table.loc[figure, ["generator", "generator_low", "generator_high"]].eq(1).all()
    agreement = [f for f in table.index if f.endswith("_agreement_percent")]
    assert "dome_agreement_percent" in agreement and "sky_agreement_percent" not in agreement
    assert (table.loc[agreement, "generator"] == 100).all()
    assert table.loc["l1", "generator"] == 0 and table.loc["perceptual", "generator"] == 0
    assert table.loc["frechet", "generator"] == pytest.approx(table.loc["frechet", "world"])
    assert table.loc["frechet", "world"] > 0
    assert (grades.generated == grades.rendered).all() and grades.generated.shape[0] == 24
    assert (table["n"] == 30).all() and (table["segmenter"] == "oracle").all()


def test_rates_are_those_of_the_scenes(perfect, church):
    from palimpsest.generators.samples import standard_normal

    _, table = perfect
    there = church.attribute_presence(church.scene(standard_normal(30, church.z_dim, 4)))
    for figure, attribute in (("dome", "dome"), ("spire", "spire"), ("person", "people")):
        for column in ("generator", "world", "truth"):
            row = table.loc[f"{figure}_percent"]
            assert row[column] == pytest.approx(100 * there[attribute].mean())
            assert row[f"{column}_low"] < row[column] < row[f"{column}_high"]


def test_an_untrained_generator_gets_bad_grades(small_generator, random_segmenter, church):
    grades = grade_generator(
        small_generator, random_segmenter, church, n=6, seed=4, batch=4, resamples=20
    )
    table = grades.table.set_index("figure")
    assert table.loc["l1", "generator"] > 0.2 and table.loc["perceptual", "generator"] > 0.01
    assert table.loc["frechet", "generator"] > table.loc["frechet", "world"]
    assert (grades.generated != grades.rendered).any()


def test_specks_and_soft_edges_show_nothing():
    labels = torch.zeros(2, 64, 64, dtype=torch.uint8)
    labels[0, 0, :8] = 1  # 1/512 of 64 x 64
    labels[1, 0, :7] = 1
    pixels = class_pixels(labels, 3)
    assert pixels.tolist() == [[4088, 8, 0], [4089, 7, 0]]
    # in other renders class 1 has 100 pixels or more, but for one nearly hidden; class 2 is small
    areas = np.array([[0, 100 + i, 9] for i in range(999)] + [[0, 3, 0]])
    least = least_pixels(areas, 64 * 64)
    assert least[0] == least[2] == 8
    assert 50 <= least[1] < 60
    assert (pixels >= least).tolist() == [[True, False, False], [True, False, False]]


def test_what_a_classifier_says_is_a_row_of_its_own(church, random_segmenter):
    class Sees:
        """Says that there is a dome in every other picture."""

        world, name, attribute = "church", "church-dome", "dome"

        def shows(self, images):
            return torch.arange(len(images)) % 2 == 0

    def graded(classifier):
        return grade_generator(
            Renderer(church),
            random_segmenter,
            church,
            n=8,
            seed=4,
            classifiers=[classifier],
            resamples=10,
        )

    from palimpsest.generators.samples import standard_normal

    there = church.attribute_presence(church.scene(standard_normal(8, church.z_dim, 4)))["dome"]
    row = graded(Sees()).table.set_index("figure").loc["dome_percent"]
    assert row["generator"] == row["world"] == 50
    assert row["truth"] == 100 * there.mean()
    agreed = graded(Sees()).table.set_index("figure").loc["dome_agreement_percent"]
    assert agreed["generator"] == 100 * (there == (np.arange(8) % 2 == 0)).mean()
    other = Sees()
    other.world = "face"
    with pytest.raises(ParameterError, match="not a classifier of the church world"):
        graded(other)


def test_pictures_there_and_back():
    pictures = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    assert (as_picture(as_input(pictures)) == pictures).all()
    assert as_input(pictures).shape == (2, 3, 4, 5)
    assert as_picture(torch.full((1, 3, 1, 1), 1.5)).max() == 255


def test_what_does_not_belong_together(small_generator, random_segmenter, church, brightness):
    with pytest.raises(ParameterError, match="at least 2"):
        grade_generator(small_generator, random_segmenter, church, n=1, seed=1)
    with pytest.raises(ParameterError, match="does not have the classes"):
        grade_generator(small_generator, brightness, church, n=2, seed=1)
    other = Renderer(church)
    other.z_dim = 5
    with pytest.raises(ParameterError, match="z of 5 numbers"):
        grade_generator(other, random_segmenter, church, n=2, seed=1)
