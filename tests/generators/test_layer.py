"""What every layer of every generator keeps to: render, crop, batches, replaced weights."""

import pytest
import torch

from palimpsest.generators import sample_z
from palimpsest.generators.base import joined
from tests.doubles.bounds import EXACT


def test_render_of_values_equals_the_generator(generator):
    z = sample_z(generator, 2)
    images = generator(z)
    # Progressive GAN's keys and its rendering double maps in two ways, which round differently
    bound = 1e-5 if generator.kind == "stylegan2" else 2e-5
    for number in generator.layers:
        layer = generator.layer(number)
        state = layer.keys(z)
        values = layer.values(state)
        m, n = layer.weight.shape[:2]
        assert state.k.shape == (2, n, layer.key_size, layer.key_size)
        assert values.v.shape == (2, m, layer.value_size, layer.value_size)
        assert layer.weight.shape[2:] == (3, 3)
        assert (layer.render(values) - images).abs().max() < bound


def test_values_are_linear_then_demodulation_then_activation(generator):
    z = sample_z(generator, 2)
    for number in generator.layers:
        layer = generator.layer(number)
        state = layer.keys(z)
        pre = layer.linear(state.k, layer.weight)
        factor = layer.demodulation(state.style, layer.weight)
        assert (factor is None) == layer.is_linear
        if factor is not None:
            pre = pre * factor[:, :, None, None]
        assert torch.allclose(layer.activate(pre, state), layer.values(state).v, atol=1e-6)
        double = layer.linear(state.k, 2 * layer.weight)
        assert torch.allclose(double, 2 * layer.linear(state.k, layer.weight), rtol=1e-4, atol=1e-4)


def test_a_sample_does_not_depend_on_its_batch(exact):
    z = sample_z(exact, 5).double()
    together, alone = exact(z), torch.cat([exact(row) for row in z.split(1)])
    assert (together - alone).abs().max() < EXACT
    for number in exact.layers:
        layer = exact.layer(number)
        values = layer.values(layer.keys(z)).v
        single = torch.cat([layer.values(layer.keys(row)).v for row in z.split(1)])
        assert (values - single).abs().max() < EXACT * values.abs().max()


def test_a_slice_of_the_state_is_the_state_of_the_slice(exact):
    z = sample_z(exact, 4).double()
    layer = exact.layer(6)
    values = layer.values(layer.keys(z))
    for index, rows in ((slice(1, 3), [1, 2]), ([3, 0], [3, 0]), (2, [2])):
        part = layer.keys(z)[index]
        assert len(part) == len(rows)
        assert torch.allclose(layer.values(part).v, values.v[rows], atol=EXACT)
        assert torch.allclose(layer.render(values[index]), exact(z[rows]), atol=EXACT)
    state = layer.keys(z)
    whole = joined([state[:1], state[1:]])
    assert len(whole) == 4 and layer.values(whole).v.equal(values.v)
    assert layer.render(layer.values(whole)).equal(layer.render(values))


@pytest.mark.parametrize("number", [4, 6, 7, 9])
def test_a_crop_has_the_values_of_its_place(exact, number):
    """Zero padding reaches one key cell inwards, so that the interior is the full map's."""
    z = sample_z(exact, 2).double()
    layer = exact.layer(number)
    state = layer.keys(z)
    full = layer.values(state)
    top, left, bottom, right = 1, 2, 7, 8
    crop = state.crop(top, left, bottom, right)
    values = layer.values(crop)
    up = layer.upsampling
    assert values.v.shape[2:] == (up * 6, up * 6)
    assert values.window == (up * top, up * left, up * bottom, up * right)
    rim = 2 * up
    inside = values.v[:, :, rim:-rim, rim:-rim]
    place = full.v[:, :, up * top : up * bottom, up * left : up * right]
    assert torch.allclose(inside, place[:, :, rim:-rim, rim:-rim], atol=EXACT)
    again = state.crop(0, 1, 8, 8).crop(1, 1, 7, 7)
    assert again.window == crop.window
    assert torch.equal(again.k, crop.k)
    scale = exact.resolution // layer.key_size
    assert layer.render(values).shape[2:] == (6 * scale, 6 * scale)


def test_an_early_crop_renders_the_middle_of_the_image(exact):
    z = sample_z(exact, 1).double()
    layer = exact.layer(10)
    values = layer.values(layer.keys(z).crop(8, 8, 56, 56))
    image = layer.render(values)
    assert torch.allclose(image[:, :, 2:-2, 2:-2], exact(z)[:, :, 10:54, 10:54], atol=EXACT)


@pytest.mark.parametrize("window", [(2, 2, 2, 5), (-1, 0, 4, 4), (0, 0, 17, 4), (5, 0, 4, 4)])
def test_a_crop_that_cannot_be(generator, window):
    state = generator.layer(6).keys(sample_z(generator, 1))
    with pytest.raises(ValueError, match="empty or outside the 16x16"):
        state.crop(*window)


def test_with_weight_shares_everything_else(generator):
    z = sample_z(generator, 2)
    before, weight = generator(z), generator.layer(6).weight.clone()
    torch.manual_seed(0)
    other = generator.with_weight(6, weight + torch.randn_like(weight))
    ours = dict(generator.named_parameters()) | dict(generator.named_buffers())
    theirs = dict(other.named_parameters()) | dict(other.named_buffers())
    differing = {n for n in ours if ours[n].data_ptr() != theirs[n].data_ptr()}
    changed = next(n for n in ours if ours[n] is generator.layer(6).weight)
    assert ours.keys() == theirs.keys()
    assert differing == {changed}
    assert torch.equal(generator(z), before)
    assert torch.equal(generator.layer(6).weight, weight)
    assert (other(z) - before).abs().max() > 1e-3
    assert torch.equal(other.with_weight(6, weight)(z), before)
    assert (other.truncation, other.noise) == (generator.truncation, generator.noise)


def test_an_edited_generator_names_the_model_it_was_made_from(generator):
    weight = generator.layer(6).weight
    edited = generator.with_weight(6, 2 * weight)  # before anyone asked for the hash
    assert edited.model_sha256 == generator.weights_sha256 == generator.model_sha256
    assert edited.weights_sha256 != generator.weights_sha256
    again = generator.with_weight(6, 2 * weight)
    assert again.weights_sha256 == edited.weights_sha256


def test_with_weight_refuses_another_shape(generator):
    with pytest.raises(ValueError, match="layer 6 has a weight of shape"):
        generator.with_weight(6, torch.zeros(2, 2, 3, 3))


def test_values_are_differentiable_in_the_weight(generator):
    layer = generator.layer(7)
    state = layer.keys(sample_z(generator, 2))
    weight = layer.weight.detach().clone().requires_grad_()
    layer.values(state, weight).v.sum().backward()
    assert weight.grad.abs().sum() > 0
    assert layer.weight.grad is None


def test_a_layer_that_is_not_there(generator):
    for number in (1, 11, 0):
        with pytest.raises(ValueError, match=rf"layer {number}\b.* 2 to 10"):
            generator.layer(number)


def test_states_of_another_layer_are_refused(generator):
    z = sample_z(generator, 1)
    with pytest.raises(ValueError, match="keys of layer 5 given to layer 6"):
        generator.layer(6).values(generator.layer(5).keys(z))
    values = generator.layer(5).values(generator.layer(5).keys(z))
    with pytest.raises(ValueError, match="values of layer 5 given to layer 6"):
        generator.layer(6).render(values)
    with pytest.raises(ValueError, match="values have shape"):
        values.replace(values.v[:, :1])


def test_replaced_values_reach_the_image(generator):
    z = sample_z(generator, 2)
    layer = generator.layer(8)
    values = layer.values(layer.keys(z))
    swapped = layer.render(values.replace(values.v.flip(0)))
    assert (swapped - generator(z)).abs().max() > 1e-2


def test_noise_modes_of_stylegan2(stylegan2):
    z = sample_z(stylegan2, 2)
    images = {}
    for mode in ("single", "original", "buffers", "none"):
        stylegan2.noise = mode
        images[mode] = stylegan2(z)
        assert torch.equal(stylegan2(z), images[mode])
    assert torch.allclose(images["single"][:1], images["original"][:1], atol=1e-5)
    assert not torch.allclose(images["single"][1:], images["original"][1:], atol=1e-2)
    assert not torch.allclose(images["single"], images["none"], atol=1e-2)
    assert not torch.allclose(images["single"], images["buffers"], atol=1e-2)
    stylegan2.noise = "random"
    assert not torch.equal(stylegan2(z), stylegan2(z))
    stylegan2.noise = "pink"
    with pytest.raises(ValueError, match="unknown noise mode 'pink'; the modes are single"):
        stylegan2(z)


def test_progressive_image_is_limited_only_at_the_end(progressive):
    z = sample_z(progressive, 2)
    last = progressive.layer(progressive.last_layer)
    raw = progressive.rgb(last.values(last.keys(z)))
    assert raw.abs().max() > 1
    images = progressive(z)
    assert images.abs().max() == 1
    assert (raw.clamp(-1, 1) - images).abs().max() < 2e-5


def test_what_was_given_stays_as_it_was(generator):
    """Maps are overwritten on the way without gradients, but none that a caller holds."""
    z = sample_z(generator, 2)
    for number in generator.layers:
        layer = generator.layer(number)
        state = layer.keys(z)
        with torch.no_grad():
            values = layer.values(state)
            held = [one.clone() for one in (state.k, values.v)]
            image = layer.render(values)
            following = None if number == generator.last_layer else generator.next_keys(values)
        assert torch.equal(state.k, held[0]) and torch.equal(values.v, held[1])
        assert torch.equal(layer.render(values).detach(), image)  # with gradients, in other places
        if following is not None:
            assert following.layer == number + 1


def test_overwritten_values_give_the_same_keys(generator):
    z = sample_z(generator, 2)
    layer = generator.layer(5)
    with torch.no_grad():
        kept = generator.next_keys(layer.values(layer.keys(z)))
        overwritten = generator.next_keys(layer.values(layer.keys(z)), inplace=True)
    assert torch.equal(kept.k, overwritten.k)
    assert kept.skip is None or torch.equal(kept.skip, overwritten.skip)


def test_one_walk_gives_the_keys_of_every_layer(generator):
    z = sample_z(generator, 2)
    with torch.no_grad():
        for state in generator.key_states(z, generator.last_layer):
            assert torch.equal(state.k, generator.layer(state.layer).keys(z).k)
        assert state.layer == generator.last_layer
        third = generator.values_at(z, 3)
        held = third.v.clone()
        numbers = [state.layer for state in generator.key_states(third, 6)]
        later = generator.values_at(third, 6)
    assert numbers == [4, 5, 6]
    assert torch.equal(third.v, held)  # the walk overwrites its own maps only
    assert torch.equal(later.v, generator.values_at(z, 6).v)
    assert generator.values_at(third, 3) is third


def test_a_layer_says_its_activation(generator):
    layer = generator.layer(5)
    state = layer.keys(sample_z(generator, 1))
    pre = layer.linear(state.k, layer.weight)
    factor = layer.demodulation(state.style, layer.weight)
    pre = pre if factor is None else pre * factor[:, :, None, None]
    at_zero = layer.activate(torch.zeros_like(pre), state)
    shift = torch.where(at_zero > 0, at_zero, at_zero / layer.negative_slope) / layer.gain
    found = layer.gain * torch.nn.functional.leaky_relu(pre + shift, layer.negative_slope)
    assert torch.allclose(found, layer.values(state).v, atol=1e-5)
    assert not layer.is_linear or (layer.negative_slope, layer.gain) == (1, 1)
