from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from palimpsest.errors import CheckpointError, ParameterError
from palimpsest.estimates.error_rates import Errors
from palimpsest.files.arrays import load_arrays, save_arrays
from palimpsest.generators.pictures import as_input
from palimpsest.instruments.classifiers.attribute_classifier import (
    AttributeArchitecture,
    AttributeClassifier,
)
from palimpsest.instruments.classifiers.training import (
    AttributeRenders,
    AttributeTraining,
    grade_classifier,
    recipe_facts,
)
from palimpsest.settings import validated
from palimpsest.training.instrument_recipes import ClassifierRecipe
from palimpsest.worlds import get_world
from palimpsest.worlds.scene import World

SHIPPED = Path(__file__).parents[3] / "data/weights/mini/face-smile.safetensors"

TINY = ClassifierRecipe(resolution=32, scenes=24, steps=6, batch=8, seed=2)
SMALL = AttributeArchitecture(widths=(8, 8, 8), hidden=4)


def changed(**settings: Any) -> ClassifierRecipe:
    """The tiny recipe with other settings, validated."""
    return validated("recipe", TINY.model_dump() | settings, ClassifierRecipe)


def training_of(
    world: World, attribute: str = "smile", recipe: ClassifierRecipe = TINY
) -> AttributeTraining:
    return AttributeTraining(world, attribute, recipe, architecture=SMALL)


@pytest.fixture(scope="module")
def face():
    return get_world("face")


@pytest.fixture(scope="module")
def images():
    return torch.rand(70, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def classifier(face):
    training = training_of(face)
    training.run()
    return training.finished()


def weights_of(training):
    return torch.cat([p.detach().flatten() for p in training.network.parameters()])


def test_a_killed_run_goes_on_as_if_nothing_had_happened(face, tmp_path):
    path = tmp_path / "c.pt"
    whole = training_of(face)
    whole.run()
    killed = training_of(face)
    for _ in range(4):
        killed.advance()
    killed.save(path)
    killed.advance()  # lost
    resumed = training_of(face)
    resumed.resume(path)
    assert resumed.step == 4 and resumed.run(checkpoint=path)
    assert torch.equal(weights_of(whole), weights_of(resumed))
    other = training_of(face, "glasses")
    with pytest.raises(ParameterError, match="another recipe"):
        other.resume(path)
    assert not torch.equal(weights_of(other), weights_of(training_of(face, recipe=changed(seed=3))))


def test_a_batch_comes_with_its_own_truth(face):
    renders = AttributeRenders(face, "smile", TINY)
    renders.images[renders.shown] = 255
    renders.images[~renders.shown] = 0
    images, truth = renders[0]
    assert 0 < truth.sum() < len(truth)
    assert torch.equal(images.mean((1, 2, 3)) > 0, truth.bool())


def test_it_learns(face):
    recipe = changed(scenes=100, steps=100, batch=16, rate=0.02)
    training = training_of(face, "long_hair", recipe)
    losses = [training.advance()["loss"] for _ in range(recipe.steps)]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])
    trained = grade_classifier(training.finished(), face, n=50)
    assert trained["accuracy"] > 0.8


def test_the_truth_is_what_the_scenes_show(face):
    # a child with the flag "moustache" has none
    renders = AttributeRenders(face, "moustache", changed(new_rules=0.0))
    z = np.random.RandomState(TINY.seed).standard_normal((TINY.scenes, face.z_dim))
    assert np.array_equal(renders.shown, face.attribute_presence(face.scene(z))["moustache"])


def test_bad_recipes(face):
    with pytest.raises(ParameterError, match="attribute = frown; a scene of the face world shows"):
        training_of(face, "frown")
    with pytest.raises(ParameterError, match="recipe: resolution: .*not 100"):
        changed(resolution=100)
    with pytest.raises(ParameterError, match="a classifier cannot learn it"):
        training_of(face, "brows", changed(new_rules=0.0))


def test_the_facts_are_the_recipe_with_its_world_attribute_and_architecture(face):
    facts = recipe_facts(face, "smile", TINY, SMALL)
    assert list(facts) == ["world", "attribute", *ClassifierRecipe.model_fields, "architecture"]
    shipped = AttributeClassifier.load(SHIPPED).facts["recipe"]
    validated("recipe", {name: shipped[name] for name in TINY.model_dump()}, ClassifierRecipe)
    assert set(shipped) == set(facts)


def test_an_image_does_not_depend_on_its_batch(classifier, images):
    together = classifier.probability(images)
    assert together.shape == (70,) and 0 <= together.min() and together.max() <= 1
    alone = torch.cat([classifier.probability(image[None]) for image in images])
    assert torch.allclose(together, alone, atol=1e-5)
    assert torch.equal(classifier.shows(images), together >= 0.5)
    with pytest.raises(ValueError, match=r"reads \(B, 3, 32, 32\)"):
        classifier.probability(torch.zeros(1, 3, 64, 64))


def test_saved_and_loaded(classifier, images, tmp_path):
    path = tmp_path / "c.safetensors"
    classifier.save(path, dtype=torch.float32)
    same = AttributeClassifier.load(path)
    assert torch.equal(same.probability(images), classifier.probability(images))
    assert (same.world, same.attribute, same.name) == ("face", "smile", "face-smile")
    assert same.facts == classifier.facts and same.facts["steps"] == TINY.steps
    classifier.save(path)
    half = AttributeClassifier.load(path)
    assert torch.allclose(half.probability(images), classifier.probability(images), atol=5e-3)


def test_files_that_are_no_classifier(classifier, random_segmenter, tmp_path):
    path = tmp_path / "c.safetensors"
    with pytest.raises(CheckpointError, match="no such file"):
        AttributeClassifier.load(path)
    random_segmenter.save(path)
    with pytest.raises(CheckpointError, match="not a classifier file"):
        AttributeClassifier.load(path)
    classifier.save(path)
    arrays, metadata = load_arrays(path)
    save_arrays(path, {name: a for name, a in arrays.items() if name != "0.weight"}, metadata)
    with pytest.raises(CheckpointError, match="does not fit its weights"):
        AttributeClassifier.load(path)
    save_arrays(path, arrays, {name: '{"format": 1}' for name in metadata})
    with pytest.raises(CheckpointError, match="no 'world' in it"):
        AttributeClassifier.load(path)


def test_its_errors_are_those_of_the_grade(classifier):
    with pytest.raises(CheckpointError, match="no grade on blurred renders"):
        classifier.errors()
    assert classifier.known_errors() is None
    sharp, soft = Errors(1, 20, 2, 30), Errors(3, 20, 4, 30)
    classifier.facts["grades"] = [{"blur": 0.0, **sharp.facts()}]
    assert classifier.known_errors() == sharp
    classifier.facts["grades"] = [
        {"blur": blur, **errors.facts()} for blur, errors in ((0.0, sharp), (0.7, soft))
    ]
    assert classifier.errors() == soft and classifier.errors(blurred=False) == sharp
    assert classifier.known_errors() == soft


@pytest.mark.skipif(not SHIPPED.exists(), reason=f"{SHIPPED.name} is not in this checkout")
def test_the_shipped_classifier_on_held_out_renders(face):
    smiles = AttributeClassifier.load(SHIPPED)
    assert SHIPPED.stat().st_size < 1e6
    for recorded in smiles.facts["grades"]:
        assert recorded["n"] == 1000 and recorded["accuracy"] >= 0.97
        grade = grade_classifier(smiles, face, n=100, blurred=recorded["blur"], seed=77)
        assert grade["accuracy"] >= 0.97
    # the same faces, asked to smile and not to, and on the way from the one to the other
    scene = face.scene(np.random.RandomState(78).standard_normal((20, face.z_dim)))
    calm, smiling = (as_input(face.render(scene.with_(smile=one)).images) for one in (False, True))
    for share, shown in ((0.0, False), (0.25, False), (0.75, True), (1.0, True)):
        assert (smiles.shows(torch.lerp(calm, smiling, share)) == shown).all(), share
