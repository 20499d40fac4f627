"""Reading StyleGAN3: state dicts, pickles, own files; and what is refused."""

import math

import pytest
import torch
from safetensors.torch import save_file

from palimpsest.errors import CheckpointError
from palimpsest.generators import load_generator, sample_z, save_generator
from palimpsest.generators.checkpoints.exporting import export_generator
from palimpsest.generators.checkpoints.stylegan3_names import Constants, assembled, state_dict
from palimpsest.generators.stylegan3_designs import designed
from tests.doubles.alias_free import TRUNCATION, golden_stylegan3, small_stylegan3
from tests.generators import nvidia_files as nvidia


@pytest.fixture(params=["t", "r"])
def held(request):
    return golden_stylegan3(request.param)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a pickle of a state dict; the file's path."""
    easy_dict = nvidia.install(monkeypatch)

    def written(state, changes=None, protocol=4):
        attributes = attributes_of(state)
        for name, change in (changes or {}).items():
            attributes[name] = attributes.get(name, {}) | change
        path = tmp_path / "network.pkl"
        nvidia.network_pickle(path, state, easy_dict, tmp_path / "ran", attributes, protocol)
        return path

    return written


def attributes_of(state):
    """Classes and attributes of the modules, as NVIDIA's code has them."""
    found = {"synthesis": {"output_scale": 0.25}, "synthesis.input": {"class": "SynthesisInput"}}
    for name in state:
        if name.endswith(".magnitude_ema"):
            layer = name.removesuffix(".magnitude_ema")
            taps = [len(state.get(f"{layer}.{way}_filter", "x")) for way in ("up", "down")]
            factors = [1 if count == 1 else count // 6 for count in taps]
            found[layer] = {
                "class": "SynthesisLayer",
                "is_torgb": f"{layer}.up_filter" not in state,
                "conv_clamp": 256,
                "up_factor": factors[0],
                "down_factor": factors[1],
            }
    return found


def drawn(path, held):
    return (load_generator(path, truncation=TRUNCATION)(held.z) - held.images).abs().max()


# --- state dicts and own files --------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "g_ema", "G_ema"])
def test_state_dicts(held, key, tmp_path):
    torch.save({key: held.state} if key else held.state, tmp_path / "a.pt")
    named = {f"{key}.{name}" if key else name: t for name, t in held.state.items()}
    save_file(named, tmp_path / "a.safetensors")
    for path in (tmp_path / "a.pt", tmp_path / "a.safetensors"):
        assert drawn(path, held) < 1e-5


def test_own_files_and_exports_hold_all_of_it(held, tmp_path):
    torch.save(held.state, tmp_path / "a.pt")
    g = load_generator(tmp_path / "a.pt")
    save_generator(g, tmp_path / "own.safetensors", {"trained on": "nothing"})
    export_generator(g, tmp_path / "b.pt")
    own, exported = (load_generator(tmp_path / name) for name in ("own.safetensors", "b.pt"))
    assert own.provenance == {"trained on": "nothing"}
    for other in (own, exported):
        assert other.weights_sha256 == g.weights_sha256 and other.plan == g.plan
        assert torch.equal(other(held.z), g(held.z))
    again = torch.load(tmp_path / "b.pt", weights_only=True)
    assert again.keys() == held.state.keys()
    assert all(torch.equal(again[name], tensor) for name, tensor in held.state.items())


def test_unusual_constants_stay_in_own_files(tmp_path):
    g = small_stylegan3()
    path = tmp_path / "a.safetensors"
    save_generator(g, path)
    tensors = dict(g.state_dict())
    odd = Constants(Constants.of(g).factors, clamp=None, output_scale=1.0)
    other = assembled("file", tensors, odd)
    save_generator(other, path)
    loaded = load_generator(path)
    assert (loaded.plan.clamp, loaded.plan.output_scale) == (None, 1.0)
    z = sample_z(g, 1)
    assert torch.allclose(loaded(z), 4 * g(z), atol=1e-5)


def test_the_mean_may_be_missing(held, tmp_path):
    state = {name: tensor for name, tensor in held.state.items() if name != "mapping.w_avg"}
    torch.save(state, tmp_path / "a.pt")
    g = load_generator(tmp_path / "a.pt")
    assert g(held.z).isfinite().all()
    with pytest.raises(CheckpointError, match=r"truncation 0\.7 needs the mean latent"):
        load_generator(tmp_path / "a.pt", truncation=0.7)
    save_generator(g, tmp_path / "b.safetensors")
    assert load_generator(tmp_path / "b.safetensors").weights_sha256 == g.weights_sha256
    assert "mapping.w_avg" not in state_dict(g)


def test_a_conditional_network(tmp_path):
    g = small_stylegan3(classes=3)
    torch.save(state_dict(g), tmp_path / "a.pt")
    save_generator(g, tmp_path / "a.safetensors")
    z = torch.cat([torch.randn(2, 12), torch.eye(3)[:2]], dim=1)
    for name in ("a.pt", "a.safetensors"):
        other = load_generator(tmp_path / name)
        assert (other.classes, other.z_dim) == (3, 12)
        assert torch.equal(other(z), g(z))


def test_a_conditional_network_without_its_embedding(tmp_path):
    g = small_stylegan3(classes=3, z_dim=16)
    state = {n: t for n, t in state_dict(g).items() if "embed" not in n}
    torch.save(state, tmp_path / "a.pt")
    message = nvidia.refused(tmp_path / "a.pt")
    assert "mapping.fc0.weight reads 32 numbers" in message
    assert "tensor mapping.embed.weight is missing" in message


def test_grey_images(tmp_path):
    g = small_stylegan3(image_channels=1)
    torch.save(state_dict(g), tmp_path / "a.pt")
    other = load_generator(tmp_path / "a.pt")
    z = sample_z(g, 2)
    assert other.image_channels == 1 and torch.equal(other(z), g(z)) and other(z).shape[1] == 1


@pytest.mark.parametrize("radial", [False, True])
@pytest.mark.parametrize("resolution", [256, 512, 1024])
def test_sizes_of_the_published_networks_are_found_by_their_tensors(resolution, radial):
    g = designed(resolution, z_dim=4, style_dim=4, channel_max=2, radial=radial)
    tensors = dict(g.state_dict())
    assert assembled("file", tensors, Constants()).plan == g.plan
    if resolution == 1024:
        sizes = [36, 36, 52, 52, 84, 148, 148, 276, 276, 532, 1044, 1044, 1044, 1024]
        assert [layer.out_size for layer in g.plan.layers] == sizes


# --- pickles --------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_pickles(held, write, tmp_path, protocol):
    path = write(held.state, protocol=protocol)
    assert drawn(path, held) < 1e-5
    assert not (tmp_path / "ran").exists()
    torch.save(held.state, tmp_path / "a.pt")
    g = load_generator(path)
    assert g.weights_sha256 == load_generator(tmp_path / "a.pt").weights_sha256
    assert g.provenance == {"source": "a pickle of NVIDIA's StyleGAN3"}


def test_attributes_of_a_pickle_are_followed(held, write):
    layers = [name for name in attributes_of(held.state) if ".L" in name]
    changes = {name: {"conv_clamp": None} for name in layers} | {"synthesis": {"output_scale": 1}}
    g = load_generator(write(held.state, changes), truncation=TRUNCATION)
    assert g.plan.clamp is None
    assert (g(held.z) - 4 * held.images).abs().max() < 1e-5
    faster = {f"mapping.fc{i}": {"bias_gain": 0.02} for i in range(2)}
    other = load_generator(write(held.state, faster))
    weight = held.state["mapping.fc0.weight"]
    assert torch.allclose(other.mapping.fc0.weight, 2 * weight)


def test_other_networks_with_such_an_input(held, write):
    def message(changes, state=None):
        return nvidia.refused(write(held.state if state is None else state, changes))

    first = next(name for name in attributes_of(held.state) if ".L0" in name)
    assert "a SuperresGenerator" in message({"": {"class": "SuperresGenerator"}})
    assert "up_factor None of synthesis.L0" in message({first: {"up_factor": None}})
    assert "conv_clamp 5.0 and 256.0" in message({first: {"conv_clamp": 5}})
    assert "activation 'relu'" in message({"mapping.fc0": {"activation": "relu"}})
    assert "output_scale 'x' of synthesis" in message({"synthesis": {"output_scale": "x"}}).replace(
        "output_scale x", "output_scale 'x'"
    )
    lacking = {n: t for n, t in held.state.items() if n != "mapping.fc1.bias"}
    assert "tensor mapping.fc1.bias is missing" in message({}, lacking)


# --- what is no StyleGAN3 -------------------------------------------------------------------------


def test_tensors_that_do_not_fit(held, tmp_path):
    def message(changes=None, without=None):
        state = {n: t for n, t in held.state.items() if n != without} | (changes or {})
        torch.save(state, tmp_path / "a.pt")
        return nvidia.refused(tmp_path / "a.pt")

    weight = held.state["synthesis.L0_36_16.weight"]
    for name in ("mapping.fc0.weight", "synthesis.input.weight", "synthesis.L3_52_16.bias"):
        assert f"tensor {name} is missing" in message(without=name)
    assert "layers [0, 1, 3, 4, 5, 6]" in message(without="synthesis.L2_52_16.weight")
    wider = {"synthesis.L0_36_16.weight": torch.cat([weight, weight])}
    assert "does not fit its name" in message(wider)
    wrong = {"synthesis.L1_36_16.up_filter": torch.ones(18) / 18}
    assert "filters of 18 and 12 taps in synthesis.L1_36_16" in message(wrong)
    steep = {"synthesis.L1_36_16.up_filter": torch.ones(24) / 24}
    assert "no StyleGAN3" in message(steep)
    bad = {"synthesis.input.phases": torch.full((16,), math.nan)}
    assert "not finite" in message(bad)
    more = {"synthesis.L1_36_16.noise": torch.zeros(1)}
    assert "synthesis.L1_36_16.noise has no place" in message(more)


def test_a_file_with_a_false_size_is_refused_before_memory_is_taken(held, tmp_path):
    state = {name.replace("L5_32_16", "L5_99999_16"): t for name, t in held.state.items()}
    torch.save(state, tmp_path / "a.pt")
    assert "does not fit its name" in nvidia.refused(tmp_path / "a.pt")


def test_own_files_with_damaged_constants(tmp_path):
    import json

    from palimpsest.files.arrays import load_arrays, save_arrays

    path = tmp_path / "a.safetensors"
    save_generator(small_stylegan3(), path)
    arrays, metadata = load_arrays(path, CheckpointError)
    told = json.loads(metadata["palimpsest"])
    for broken in ({"factors": [[2]]}, None, {"factors": None, "clamp": "x", "output_scale": 1}):
        changed = metadata | {"palimpsest": json.dumps(told | {"constants": broken})}
        save_arrays(path, arrays, changed)
        assert "description in its metadata is damaged" in nvidia.refused(path)
