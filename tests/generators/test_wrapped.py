"""Any network as a generator: its layers, what they read and put back, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, spectral_norm

from palimpsest.errors import ParameterError
from palimpsest.generators import sample_z
from palimpsest.generators.wrapped import WrappedGenerator, wrap
from tests.generators.networks import DCGAN, OddConvolutions, ResNetGAN, seeded

KINDS = [
    (DCGAN, {"z_dim": 16}),
    (ResNetGAN, {"z_dim": 16}),
    (OddConvolutions, {"z_shape": (8, 6, 9)}),
]
NAMES = {
    DCGAN: ["0", "3", "6", "9"],
    ResNetGAN: [
        *("blocks.0.conv1", "blocks.0.conv2", "blocks.0.shortcut"),
        *("blocks.1.conv1", "blocks.1.conv2", "blocks.1.shortcut"),
        "to_rgb",
    ],
    OddConvolutions: ["down", "wide", "up", "same", "valid"],
}


@pytest.fixture(params=KINDS, ids=lambda kind: kind[0].__name__)
def pair(request) -> tuple[nn.Module, WrappedGenerator]:
    kind, z = request.param
    network = seeded(kind)
    return network, wrap(network, **z)


@torch.no_grad()
def test_keys_and_values_are_the_convolutions_input_and_output(pair) -> None:
    network, g = pair
    z = sample_z(g, 3)
    assert list(g.names.values()) == NAMES[type(network)]
    assert list(g.names) == list(range(1, len(g.layers) + 1))
    seen: dict[str, tuple[Tensor, Tensor]] = {}

    def note(name: str) -> Callable:
        def hook(module: nn.Module, args: tuple, output: Tensor) -> None:
            seen[name] = (args[0].clone(), output.clone())

        return hook

    hooks = [
        network.get_submodule(name).register_forward_hook(note(name))
        for name in NAMES[type(network)]
    ]
    images = network(z.reshape(3, *g.z_shape))
    for hook in hooks:
        hook.remove()
    assert torch.equal(g(z), images)
    states = list(g.key_states(z, g.last_layer))
    for number, state in zip(g.layers, states, strict=True):
        layer = g.layer(number)
        k, v = seen[layer.name]
        assert torch.equal(layer.keys(z).k, k) and torch.equal(state.k, k)
        values = layer.values(state)
        assert torch.allclose(values.v, v, atol=1e-6)
        assert (layer.key_shape, layer.value_shape) == (k.shape[2:], v.shape[2:])
        assert torch.allclose(layer.render(values), images, atol=1e-6)
        changed = values.replace(values.v + 1)
        kept = changed.v.clone()
        assert not torch.allclose(layer.render(changed), images)
        assert torch.equal(changed.v, kept)  # though the network works in place
        for later in g.layers[number:]:
            assert torch.allclose(g.values_at(values, later).v, seen[g.names[later]][1], atol=1e-6)


def test_the_network_stays_as_it_is_and_may_change_afterwards() -> None:
    network = seeded(DCGAN).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    g = wrap(network, z_dim=16)
    z = sample_z(g, 2)
    images = g(z)
    assert network.training and all(p.requires_grad for p in network.parameters())
    assert not network[0]._forward_hooks and not network[0]._forward_pre_hooks
    assert all(torch.equal(before[name], one) for name, one in network.state_dict().items())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert torch.equal(g(z), images)


def test_the_hash_is_that_of_the_networks_own_state() -> None:
    one, same, other = (wrap(seeded(DCGAN, seed), z_dim=16) for seed in (0, 0, 1))
    assert one.weights_sha256 == same.weights_sha256 != other.weights_sha256
    assert set(one.state_dict()) == set(seeded(DCGAN).state_dict())


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.shared = nn.Conv2d(4, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        return self.shared(torch.relu(self.shared(self.first(z))))


def test_a_convolution_that_runs_twice_is_refused_by_name() -> None:
    with pytest.raises(ParameterError, match="convolution shared runs 2 times"):
        wrap(Twice(), z_shape=(4, 5, 5))
    g = wrap(Twice(), z_shape=(4, 5, 5), leave_out=["shared"])
    assert list(g.names.values()) == ["first"]
    with pytest.raises(ValueError, match="shared is none: it was left out"):
        g.layer("shared")
    with pytest.raises(ParameterError, match="no convolution 'sharde'"):
        wrap(Twice(), z_shape=(4, 5, 5), leave_out=["sharde"])


class Standardised(nn.Conv2d):
    """Its weight is divided by its size, so the output is not linear in it."""

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight / self.weight.norm(), self.bias)


class Scaled(nn.Conv2d):
    """Equalised learning rate: the weight is scaled at run time, and the output linear in it."""

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight * 0.3, self.bias)


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.used(x)


class Resized(nn.ConvTranspose2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x, [2 * side for side in x.shape[2:]])


def tied() -> nn.Module:
    pair = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1))
    pair[1].weight = pair[0].weight
    return pair


@pytest.mark.parametrize(
    ("module", "name", "reason"),
    [
        (nn.Conv2d(4, 4, 3, groups=2), "0", "2 groups"),
        (spectral_norm(nn.Conv2d(4, 4, 3)), "0", "computed from other tensors"),
        (parametrizations.weight_norm(nn.Conv2d(4, 4, 3)), "0", "computed from other tensors"),
        (Standardised(4, 4, 3), "0", "not linear in its weight"),
        (Unused(), "0.unused", "does not run"),
        (tied(), "0.1", "its weight is also 0.0.weight"),
    ],
    ids=["groups", "spectral norm", "weight norm", "standardised", "unused", "tied"],
)
def test_a_convolution_that_cannot_be_edited_is_no_layer_and_says_why(
    module: nn.Module, name: str, reason: str
) -> None:
    g = wrap(nn.Sequential(module.eval(), nn.Conv2d(4, 3, 1)), z_shape=(4, 6, 6))
    assert g.names[g.last_layer] == "1" and name not in g.names.values()
    with pytest.raises(ValueError, match=reason):
        g.layer(name)


def test_a_scale_at_run_time_is_the_layers_own() -> None:
    g = wrap(nn.Sequential(Scaled(4, 3, 3)), z_shape=(4, 6, 6))
    layer = g.layer("0")
    state = layer.keys(sample_z(g, 2))
    doubled = layer.values(state, 2 * layer.weight).v
    bias = layer.module.bias[:, None, None]
    assert torch.allclose(doubled - bias, 2 * (layer.values(state).v - bias), atol=1e-6)


class Noisy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x + torch.randn_like(x))


class Centred(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x - x.mean(dim=0))


@pytest.mark.parametrize(
    ("network", "z", "message"),
    [
        (nn.Linear(4, 4), {"z_dim": 4}, "gives \\(2, 4\\), not images"),
        (nn.Conv2d(4, 21, 1), {"z_shape": (4, 5, 5)}, "21 channels"),
        (nn.Conv2d(4, 3, 1), {"z_shape": (5, 5, 5)}, "does not run on an input of shape"),
        (nn.Conv2d(4, 3, 1), {}, "needs z_dim"),
        (nn.Conv2d(4, 3, 1), {"z_dim": 4, "z_shape": (4, 5, 5)}, "needs z_dim"),
        (nn.Conv2d(4, 3, 1), {"z_shape": (4, 0, 5)}, "positive whole numbers"),
        (nn.Sequential(nn.Upsample(scale_factor=2)), {"z_shape": (3, 4, 4)}, "no Conv2d"),
        (Noisy(), {"z_shape": (4, 5, 5)}, "another image each time"),
        (Centred(), {"z_shape": (4, 5, 5)}, "depends on the other samples"),
    ],
    ids=["vector", "maps", "shape", "no z", "two z", "zero", "none", "noise", "batch"],
)
def test_what_is_no_generator_is_refused_in_one_line(network, z, message: str) -> None:
    with pytest.raises(ParameterError, match=message) as refused:
        wrap(network, **z)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        lambda x: {"out": x, "aux": x[:, :1]},
        lambda x: (x, None),
        lambda x: type("Output", (), {"sample": x})(),
        lambda x: x,
    ],
    ids=["dictionary", "tuple", "sample", "tensor"],
)
def test_images_are_found_in_what_networks_give(given: Callable) -> None:
    network = nn.Conv2d(4, 3, 3)
    g = wrap(network, z_shape=(4, 6, 7), draw=lambda net, z: given(net(z)))
    z = sample_z(g, 2)
    assert g(z).shape == (2, 3, 4, 5) and g.image_size == (4, 5)
    assert torch.equal(g(z), network(z.reshape(2, 4, 6, 7)))


def test_grey_images_are_repeated() -> None:
    g = wrap(nn.Conv2d(4, 1, 3), z_shape=(4, 6, 6))
    images = g(sample_z(g, 2))
    assert images.shape == (2, 3, 4, 4) and torch.equal(images[:, 0], images[:, 2])


def test_a_part_of_the_keys_has_no_values() -> None:
    g = wrap(seeded(DCGAN), z_dim=16)
    layer = g.layer(3)
    state = layer.keys(sample_z(g, 1))
    with pytest.raises(ValueError, match="needs the whole map of 8 x 8"):
        layer.values(state.crop(0, 0, 4, 4))
