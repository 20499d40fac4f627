"""A photograph's file: bit-exact, applied under edits, and taken off again."""

import copy

import numpy as np
import pytest
import torch

from palimpsest.errors import EditError
from palimpsest.generators.samples import sample_z
from palimpsest.photographs.files import InvertedPhotograph, pixels_sha256
from palimpsest.photographs.weight_change import WeightChange, names_above


@pytest.fixture(scope="module")
def photograph(generator):
    stream = torch.Generator().manual_seed(8)
    held = dict(generator.named_parameters())
    tensors = {
        name: (0.1 * torch.randn(held[name].shape, generator=stream)).half()
        for name in names_above(generator, 5)
    }
    latent = generator.latents(sample_z(generator, 1, seed=3))[0]
    return InvertedPhotograph(
        latent, WeightChange(5, tensors), generator.weights_sha256, {"errors": {"z": 0.5}}
    )


def same(a, b):
    ours, theirs = a.state_dict(), b.state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_saved_photograph_makes_the_same_bits(tmp_path, generator, photograph):
    photograph.save(tmp_path / "me.safetensors")
    read = InvertedPhotograph.load(tmp_path / "me.safetensors")
    assert torch.equal(read.image(generator), photograph.image(generator))
    assert torch.equal(read.latent, photograph.latent)
    assert read.change.identity == photograph.change.identity
    assert read.provenance == photograph.provenance and read.above == 5
    read.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (
        tmp_path / "me.safetensors"
    ).read_bytes()


def test_taking_it_off_restores_the_weights(generator, photograph, edit):
    before = copy.deepcopy(generator)
    adapted = photograph.on(generator)
    assert not same(adapted, generator) and same(generator, before)
    assert same(photograph.off(adapted), generator)
    edited = edit.apply(generator)
    assert same(photograph.off(photograph.on(edited)), edited)
    assert same(edit.remove(photograph.off(photograph.on(edited))), generator)


def test_an_edit_before_and_after_give_the_same_image(generator, photograph, edit):
    first = photograph.image(edit.apply(generator))
    then = photograph.image(edit.apply(photograph.on(generator)))
    assert torch.equal(first, then)
    assert not torch.equal(first, photograph.image(generator))


def test_an_adapted_generator_has_an_identity_of_its_own(generator, photograph, edit):
    adapted, edited = photograph.on(generator), edit.apply(generator)
    both = [photograph.on(edited), edit.apply(adapted)]
    found = {g.weights_sha256 for g in (generator, adapted, edited, *both)}
    assert len(found) == 5
    assert {g.model_sha256 for g in both} == {generator.weights_sha256}
    assert photograph.off(adapted).weights_sha256 == generator.weights_sha256
    for g in both:
        assert photograph.off(g).weights_sha256 == edited.weights_sha256
        assert edit.remove(g).weights_sha256 == adapted.weights_sha256
    inside = InvertedPhotograph(photograph.latent, photograph.change, edited.weights_sha256)
    assert inside.on(edited).weights_sha256 == both[0].weights_sha256
    with pytest.raises(EditError, match="was inverted in weights"):
        inside.on(generator)


def test_what_does_not_fit_is_refused(generator, small_generator, photograph, edit):
    with pytest.raises(EditError, match="was inverted in weights .* invert it again"):
        photograph.on(small_generator)
    with pytest.raises(EditError, match="adapted to a photograph already"):
        photograph.on(photograph.on(generator))
    with pytest.raises(EditError, match="not adapted to this photograph"):
        photograph.off(generator)
    lower = InvertedPhotograph(
        photograph.latent,
        WeightChange(4, photograph.change.tensors),
        photograph.weights_sha256,
    )
    with pytest.raises(EditError, match="edit in layer 5; .* above layer 4"):
        lower.on(edit.apply(generator))


def test_other_files_are_refused(tmp_path, photograph, edit):
    edit.save(tmp_path / "edit.safetensors")
    with pytest.raises(EditError, match="not an inverted photograph"):
        InvertedPhotograph.load(tmp_path / "edit.safetensors")
    with pytest.raises(EditError, match="no such file"):
        InvertedPhotograph.load(tmp_path / "none.safetensors")
    photograph.save(tmp_path / "me.safetensors")
    content = (tmp_path / "me.safetensors").read_bytes()
    (tmp_path / "short.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(EditError, match="damaged"):
        InvertedPhotograph.load(tmp_path / "short.safetensors")


def test_numbers_that_are_not_finite_are_refused(photograph):
    name, tensor = next(iter(photograph.change.tensors.items()))
    broken = {**photograph.change.tensors, name: torch.full_like(tensor, float("nan"))}
    with pytest.raises(EditError, match="not finite"):
        InvertedPhotograph(photograph.latent, WeightChange(5, broken), "")


def test_a_pixel_changes_the_hash():
    pixels = np.zeros((4, 4, 3), np.uint8)
    other = pixels.copy()
    other[0, 0, 0] = 1
    assert pixels_sha256(pixels) != pixels_sha256(other)
