"""NVIDIA's pickles: the images are those of their formulas, and their source never runs."""

import math
import pickle
import re

import pytest
import torch
import torch.nn.functional as F

from palimpsest.generators import load_generator, sample_z
from tests.generators import nvidia_files as nvidia
from tests.generators.nvidia_files import refused


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a pickle of the given tensors; the file's path."""
    easy_dict = nvidia.install(monkeypatch)

    def written(tensors, attributes=None, protocol=4):
        path = tmp_path / "network.pkl"
        nvidia.network_pickle(path, tensors, easy_dict, tmp_path / "ran", attributes, protocol)
        return path

    return written


# --- NVIDIA's formulas, written down once more ---------------------------------------------------


def spread(x, before, after):
    """Zeros between the cells, an edge of zeros, the low-pass filter, and four times the sum."""
    b, c, h, w = x.shape
    wide = torch.zeros(b, c, 2 * h, 2 * w)
    wide[:, :, ::2, ::2] = x
    wide = F.pad(wide, (before, after, before, after))
    taps = 4 * nvidia.low_pass().flip(0, 1).expand(c, 1, 4, 4)
    return F.conv2d(wide, taps, groups=c)


def affine(t, name, w):
    return w @ t[f"{name}.affine.weight"].T / math.sqrt(w.shape[1]) + t[f"{name}.affine.bias"]


def styled(t, name, x, w, up):
    out = []
    for sample, style in zip(x, affine(t, name, w), strict=True):
        weight = t[f"{name}.weight"] * style[None, :, None, None]
        weight = weight / (weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if up:  # a true convolution after spreading, so the weight is turned round
            y = F.conv2d(spread(sample[None], 3, 2), weight.flip(2, 3))
        else:
            y = F.conv2d(sample[None], weight, padding=1)
        out.append(y)
    x = torch.cat(out) + t[f"{name}.noise_const"] * t[f"{name}.noise_strength"]
    x = x + t[f"{name}.bias"][:, None, None]
    return torch.where(x > 0, x, 0.2 * x) * math.sqrt(2)


def to_rgb(t, name, x, w):
    style = affine(t, name, w) / math.sqrt(x.shape[1])
    image = torch.einsum("oi,bi,bihw->bohw", t[f"{name}.weight"][:, :, 0, 0], style, x)
    return image + t[f"{name}.bias"][:, None, None]


def reference(t, z, psi, rate=0.01):
    x = z / (z.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()
    for i in range(sum(bool(re.fullmatch(r"mapping\.fc\d+\.weight", n)) for n in t)):
        x = x @ t[f"mapping.fc{i}.weight"].T * rate / math.sqrt(x.shape[1])
        x = x + rate * t[f"mapping.fc{i}.bias"]
        x = torch.where(x > 0, x, 0.2 * x) * math.sqrt(2)
    w = t["mapping.w_avg"].lerp(x, psi)
    x = t["synthesis.b4.const"].expand(len(z), -1, -1, -1)
    x = styled(t, "synthesis.b4.conv1", x, w, up=False)
    image = to_rgb(t, "synthesis.b4.torgb", x, w)
    for size in (8, 16):
        x = styled(t, f"synthesis.b{size}.conv0", x, w, up=True)
        x = styled(t, f"synthesis.b{size}.conv1", x, w, up=False)
        image = spread(image, 2, 1) + to_rgb(t, f"synthesis.b{size}.torgb", x, w)
    return image


# --- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_images_are_those_of_nvidias_formulas(write, tmp_path, protocol):
    tensors = nvidia.random_tensors()
    path = write(tensors, protocol=protocol)
    g = load_generator(path, truncation=0.7, noise="buffers")
    z = sample_z(g, 3)
    wanted = reference(tensors, z, 0.7)
    assert g.z_dim == 6 and g.channels == {4: 8, 8: 6, 16: 4}
    assert wanted.std() > 0.1
    assert (g(z) - wanted).abs().max() < 1e-5 * max(1, wanted.abs().max())
    assert not any(p.requires_grad for p in g.parameters())
    assert not (tmp_path / "ran").exists()


def test_the_embedded_source_would_run_elsewhere(write, tmp_path):
    """The fixture is as dangerous as it claims: Python's own unpickler runs it."""
    path = write(nvidia.random_tensors())
    load_generator(path)
    assert not (tmp_path / "ran").exists()
    pickle.loads(path.read_bytes())
    assert (tmp_path / "ran").exists()


def to_nvidia(content):
    """A common checkpoint's tensors under NVIDIA's names."""
    tensors = {"mapping.w_avg": content["latent_avg"]}
    for name, tensor in content["g_ema"].items():
        if "kernel" in name:
            continue
        if noise := re.fullmatch(r"noises\.noise_(\d+)", name):
            number = int(noise.group(1))
            where = f"b{4 * 2 ** ((number + 1) // 2)}.conv{1 - number % 2}"
            tensors[f"synthesis.{where}.noise_const"] = tensor[0, 0]
            continue
        if name.startswith("style"):
            _, number, part = name.split(".")
            tensors[f"mapping.fc{int(number) - 1}.{part}"] = tensor
            continue
        if name == "input.input":
            tensors["synthesis.b4.const"] = tensor[0]
            continue
        head, rest = re.match(r"((?:convs|to_rgbs)\.\d+|conv1|to_rgb1)\.(.*)", name).groups()
        number = int(head.split(".")[1]) if "." in head else 0
        size = {"convs": 8 * 2 ** (number // 2), "to_rgbs": 8 * 2**number}.get(head[:-2], 4)
        layer = "torgb" if "rgb" in head else f"conv{number % 2 if '.' in head else 1}"
        own = {
            "conv.weight": "weight",
            "conv.modulation.weight": "affine.weight",
            "conv.modulation.bias": "affine.bias",
            "noise.weight": "noise_strength",
            "activate.bias": "bias",
            "bias": "bias",
        }[rest]
        shaped = {"weight": lambda t: t[0], "noise_strength": lambda t: t[0]}.get(own)
        tensor = tensor.flatten() if rest == "bias" else shaped(tensor) if shaped else tensor
        tensors[f"synthesis.b{size}.{layer}.{own}"] = tensor
    return tensors


def test_the_same_weights_in_both_layouts_are_the_same_model(write, golden):
    content = torch.load(golden / "sg2_checkpoint.pt", weights_only=True)
    common = load_generator(golden / "sg2_checkpoint.pt", truncation=0.5, noise="buffers")
    g = load_generator(write(to_nvidia(content)), truncation=0.5, noise="buffers")
    assert g.weights_sha256 == common.weights_sha256
    z = sample_z(g, 2)
    assert torch.equal(g(z), common(z))


def test_another_learning_rate_of_the_mapping(write):
    tensors = nvidia.random_tensors(rate=0.5)
    attributes = {f"mapping.fc{i}": {"bias_gain": 0.5} for i in range(3)}
    g = load_generator(write(tensors, attributes), noise="buffers")
    z = sample_z(g, 2)
    assert (g(z) - reference(tensors, z, 1.0, rate=0.5)).abs().max() < 1e-4


def test_layers_without_noise(write):
    tensors = nvidia.random_tensors()
    quiet = {n: t for n, t in tensors.items() if "b8.conv0.noise" not in n}
    g = load_generator(write(quiet, {"synthesis.b8.conv0": {"use_noise": False}}))
    assert g.convs[0].noise.weight.item() == 0
    assert g.convs[1].noise.weight.item() != 0


def test_the_limit_on_activations_is_noted(write):
    limited = {f"synthesis.b{s}.conv1": {"conv_clamp": 256} for s in (4, 8)}
    assert load_generator(write(nvidia.random_tensors(), limited)).provenance == {
        "source": "a pickle of NVIDIA's StyleGAN2",
        "conv_clamp": "256.0",
    }
    assert "conv_clamp" not in load_generator(write(nvidia.random_tensors())).provenance


# --- other networks ------------------------------------------------------------------------------


def test_networks_that_have_no_place_here(write):
    tensors = nvidia.random_tensors()

    def message(attributes, changed=tensors):
        return refused(write(changed, attributes))

    assert "network (c_dim 10) without the embedding of its classes" in message({"": {"c_dim": 10}})
    for found, why in (("resnet", "with the tensors of 'skip'"), ("unet", "has no place")):
        told = message({"synthesis.b8": {"architecture": found}})
        assert f"architecture '{found}' of synthesis.b8" in told and why in told
    assert "activation 'relu' of synthesis.b8.conv0" in message(
        {"synthesis.b8.conv0": {"activation": "relu"}}
    )
    two = {n: t[:2] if re.search(r"torgb\.(weight|bias)", n) else t for n, t in tensors.items()}
    assert "images of 2 channels" in message({}, two)
    other = {"mapping.fc0.weight": torch.zeros(2, 2)}
    assert "a network of FullyConnectedLayer, Generator, MappingNetwork" in message({}, other)
    wide = {"synthesis.b8.conv0.resample_filter": torch.ones(4, 4) / 16}
    assert "another filter than [1, 3, 3, 1]" in message({}, tensors | wide)


def test_tensors_that_do_not_fit(write):
    tensors = nvidia.random_tensors()
    for name in ("synthesis.b8.conv0.weight", "mapping.fc1.bias", "synthesis.b4.const"):
        lacking = {n: t for n, t in tensors.items() if n != name}
        assert f"tensor {name} is missing" in refused(write(lacking))
    more = tensors | {"synthesis.b16.extra.weight": torch.zeros(4, 6, 1, 1)}
    assert "tensor synthesis.b16.extra.weight" in refused(write(more))
    wrong = tensors | {"synthesis.b8.conv1.noise_strength": torch.zeros(3)}
    assert "convs.1.noise.weight has shape (3,)" in refused(write(wrong))
    bad = tensors | {"synthesis.b8.conv1.bias": torch.full((6,), torch.nan)}
    assert "not finite" in refused(write(bad))


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7, 0.95, 0.9999])
def test_cut_short(write, share):
    path = write(nvidia.random_tensors())
    content = path.read_bytes()
    message = refused(path, content[: int(len(content) * share)])
    assert "damaged or cut short" in message
