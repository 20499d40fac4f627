"""Files that cannot be used end in one line that names the file, the fault and the way out."""

import argparse
import os
import pickle
import zipfile
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import load_file, save_file

from palimpsest.errors import CheckpointError, ParameterError
from palimpsest.generators import load_generator, sample_z, save_generator
from palimpsest.generators.encoding import SoftThresholds
from palimpsest.generators.stylegan2 import StyleGAN2


@pytest.fixture
def stylegan2_file(golden):
    return torch.load(golden / "sg2_checkpoint.pt", weights_only=True)


@pytest.fixture
def progressive_file(golden):
    return torch.load(golden / "pg_checkpoint.pth", weights_only=True)


def refused(path, content=None, **options):
    """The message with which ``path`` (holding ``content``) is refused."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(CheckpointError) as caught:
        load_generator(path, **options)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 500 + len(str(path))
    return message


# --- what is readable is told by its content ---------------------------------------------------


@pytest.mark.parametrize(
    ("source", "disguise"),
    [
        ("sg2_checkpoint.pt", "church.safetensors"),
        ("sg2_checkpoint.safetensors", "weights.pth"),
        ("pg_checkpoint_oldnames.pth", "stylegan2_church.pt"),
        ("pg_checkpoint.safetensors", "noname"),
    ],
)
def test_the_name_of_a_file_means_nothing(golden, tmp_path, source, disguise):
    (tmp_path / disguise).write_bytes((golden / source).read_bytes())
    loaded = load_generator(tmp_path / disguise)
    assert loaded.weights_sha256 == load_generator(golden / source).weights_sha256


def test_progressive_in_a_wrapper(golden, tmp_path, progressive_file):
    wanted = load_generator(golden / "pg_checkpoint.pth").weights_sha256
    old = torch.load(golden / "pg_checkpoint_oldnames.pth", weights_only=True)
    for state in (progressive_file, old, OrderedDict(progressive_file)):
        torch.save({"state_dict": state, "epoch": 3}, tmp_path / "wrapped.pth")
        assert load_generator(tmp_path / "wrapped.pth").weights_sha256 == wanted


def test_old_pickle_container(golden, tmp_path, progressive_file):
    """The published Progressive GAN files are of 2018, before PyTorch wrote zip files."""
    path = tmp_path / "old.pth"
    torch.save(progressive_file, path, _use_new_zipfile_serialization=False)
    assert path.read_bytes()[:1] == b"\x80"
    wanted = load_generator(golden / "pg_checkpoint.pth").weights_sha256
    assert load_generator(path).weights_sha256 == wanted


def test_a_training_checkpoint_of_the_common_port(golden, tmp_path, stylegan2_file):
    """It holds more networks, an optimiser and the command line, but no mean latent."""
    ema = stylegan2_file["g_ema"]
    optimiser = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1}]}
    content = {
        "g": {name: tensor * 2 for name, tensor in ema.items()},
        "d": {"convs.0.0.weight": torch.zeros(3)},
        "g_ema": ema,
        "g_optim": optimiser,
        "args": argparse.Namespace(size=64, iter=800000),
    }
    torch.save(content, tmp_path / "550000.pt")
    g = load_generator(tmp_path / "550000.pt")
    z = sample_z(g, 1)
    assert torch.equal(g(z), load_generator(golden / "sg2_checkpoint.pt")(z))
    message = refused(tmp_path / "550000.pt", truncation=0.5)
    assert "truncation 0.5 needs the mean latent" in message
    assert "truncation=1" in message
    g.latent_avg = g.mapping(sample_z(g, 100)).mean(0)
    save_generator(g, tmp_path / "with-mean.safetensors")
    assert load_generator(tmp_path / "with-mean.safetensors", truncation=0.5)(z).isfinite().all()


def test_an_unknown_mean_latent_stays_unknown(tmp_path, stylegan2_file):
    torch.save({"g_ema": stylegan2_file["g_ema"]}, tmp_path / "g.pt")
    g = load_generator(tmp_path / "g.pt")
    save_generator(g, tmp_path / "again.safetensors")
    assert "needs the mean latent" in refused(tmp_path / "again.safetensors", truncation=0.7)
    g.truncation = 0.7
    assert g(sample_z(g, 1)).isnan().any()  # never silently untruncated or wrongly truncated


def test_a_mean_latent_of_one_number(tmp_path, stylegan2_file):
    """Old PyTorch kept a single element of it: as good as none."""
    torch.save(stylegan2_file | {"latent_avg": torch.tensor(0.3)}, tmp_path / "g.pt")
    assert load_generator(tmp_path / "g.pt").truncation == 1.0
    message = refused(tmp_path / "g.pt", truncation=0.5)
    assert "no 'latent_avg' of shape (64,)" in message
    wrong = stylegan2_file | {"latent_avg": torch.zeros(512)}
    assert "tensor latent_avg has shape (512,)" in refused(tmp_path / "w.pt", wrong)


def test_blur_kernels_and_noise_maps_are_optional(golden, tmp_path, stylegan2_file):
    whole = load_generator(golden / "sg2_checkpoint.pt")
    bare = {n: t for n, t in stylegan2_file["g_ema"].items() if "kernel" not in n}
    torch.save(stylegan2_file | {"g_ema": bare}, tmp_path / "nokernel.pt")
    assert load_generator(tmp_path / "nokernel.pt").weights_sha256 == whole.weights_sha256
    barer = {n: t for n, t in bare.items() if "noises" not in n}
    torch.save(stylegan2_file | {"g_ema": barer}, tmp_path / "nonoise.pt")
    g = load_generator(tmp_path / "nonoise.pt")
    assert g.weights_sha256 == whole.weights_sha256
    assert torch.equal(g(sample_z(g, 1)), whole(sample_z(g, 1)))
    message = refused(tmp_path / "nonoise.pt", noise="buffers")
    assert "noises.noise_0" in message
    assert "noise='single'" in message


# --- options -----------------------------------------------------------------------------------


def test_options_that_are_none(golden):
    with pytest.raises(
        ParameterError, match="unknown noise mode 'pink'; the modes are single, original"
    ):
        load_generator(golden / "sg2_checkpoint.pt", noise="pink")
    with pytest.raises(ParameterError, match="truncation nan"):
        load_generator(golden / "sg2_checkpoint.pt", truncation=float("nan"))


# --- no weights file ---------------------------------------------------------------------------


def test_missing_and_foreign_files(tmp_path):
    assert "no such file" in refused(tmp_path / "none.pt")
    assert "not a file" in refused(tmp_path)
    path = tmp_path / "g.pt"
    assert "an empty file" in refused(path, b"") and "readable are" in refused(path)
    assert "a web page" in refused(path, b"<!DOCTYPE html><html>404</html>" * 9)
    assert "Git LFS pointer" in refused(path, b"version https://git-lfs.github.com/spec/v1\noid")
    assert "HDF5" in refused(path, b"\x89HDF\r\n\x1a\n" + bytes(99))
    assert "no weights file known here" in refused(path, b"hello, this is a text of some length")


def test_other_networks(tmp_path):
    path = tmp_path / "g.pt"
    other = {"conv1.weight": torch.zeros(64, 3, 7, 7), "bn1.bias": torch.zeros(64)}
    message = refused(path, other)
    assert "2 tensors of an unknown network (conv1.weight" in message
    assert "readable are StyleGAN2" in message
    assert "no tensors in it" in refused(path, {"epoch": 3})
    assert "1 tensors of an unknown network (0 ...)" in refused(path, [torch.zeros(2)])
    assert "one without a name" in refused(path, torch.zeros(2))
    save_file({"a": torch.zeros(2)}, tmp_path / "g.safetensors")
    assert "1 tensors of an unknown network" in refused(tmp_path / "g.safetensors")


def test_an_nvidia_pickle_is_named_as_such(tmp_path):
    class Persistent:
        def __reduce__(self):
            return os.getpid, ()

    content = pickle.dumps({"training_set_kwargs": "torch_utils.persistence", "G": Persistent()})
    message = refused(tmp_path / "ffhq.pkl", content)
    assert "NVIDIA" in message
    assert "readable are" in message


# --- damaged files -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sg2_checkpoint.pt", "pg_checkpoint.pth"])
@pytest.mark.parametrize("share", [0.0001, 0.01, 0.5, 0.999])
def test_a_file_cut_short(golden, tmp_path, name, share):
    content = (golden / name).read_bytes()
    message = refused(tmp_path / name, content[: max(5, int(len(content) * share))])
    assert "damaged or cut short" in message


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_an_old_pickle_cut_short(tmp_path, progressive_file, share):
    path = tmp_path / "g.pth"
    torch.save(progressive_file, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    assert "damaged" in refused(path, content[: int(len(content) * share)])


@pytest.mark.parametrize("share", [0.001, 0.1, 0.9])
def test_safetensors_cut_short(golden, tmp_path, share):
    content = (golden / "sg2_checkpoint.safetensors").read_bytes()
    message = refused(tmp_path / "g.safetensors", content[: int(len(content) * share)])
    assert "damaged" in message or "cut short" in message


def test_a_safetensors_header_that_lies(golden, tmp_path):
    path = tmp_path / "g.safetensors"
    content = (golden / "pg_checkpoint.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + length]

    def with_header(text, said=None):
        said = len(text) if said is None else said
        return said.to_bytes(8, "little") + text + content[8 + length :]

    assert "header is false" in refused(path, with_header(header, 2**62))
    assert "damaged" in refused(path, with_header(header, length - 40))
    assert "damaged" in refused(path, with_header(header.replace(b"[32,32,4,4]", b"[32,99,4,4]")))
    assert "damaged" in refused(path, with_header(header.replace(b'"F32"', b'"F99"', 1)))
    offsets = header.replace(b'"data_offsets":[0,', b'"data_offsets":[9,', 1)
    assert offsets != header
    assert "damaged" in refused(path, with_header(offsets))


def test_a_flipped_byte_in_a_zip_never_passes_unnoticed(golden, tmp_path):
    """The zip container has checksums, and PyTorch's own reader skips them."""
    content = bytearray((golden / "sg2_checkpoint.pt").read_bytes())
    with zipfile.ZipFile(golden / "sg2_checkpoint.pt") as file:
        largest = max(file.infolist(), key=lambda entry: entry.file_size)
    content[largest.header_offset + largest.file_size // 2] ^= 0x40
    message = refused(tmp_path / "g.pt", bytes(content))
    assert "damaged" in message
    assert f"checksum of its part {largest.filename}" in message


# --- tensors that do not fit -------------------------------------------------------------------


def change(content, name, tensor):
    ema = dict(content["g_ema"])
    if tensor is None:
        del ema[name]
    else:
        ema[name] = tensor
    return content | {"g_ema": ema}


def test_stylegan2_tensors_that_do_not_fit(tmp_path, stylegan2_file):
    path, ema = tmp_path / "g.pt", stylegan2_file["g_ema"]

    def message(name, tensor):
        text = refused(path, change(stylegan2_file, name, tensor))
        assert f"g_ema.{name}" in text
        return text

    for name in (
        "style.1.weight",
        "style.3.bias",
        "input.input",
        "conv1.conv.weight",
        "convs.4.conv.modulation.bias",
        "convs.0.conv.weight",
        "convs.7.conv.weight",
        "to_rgbs.3.bias",
    ):
        assert "is missing" in message(name, None)
    assert "has shape (3,)" in message("style.1.weight", torch.zeros(3))
    assert "has shape (48, 65)" in message("convs.1.conv.modulation.weight", torch.zeros(48, 65))
    assert "needs (48, 48, 3, 3)" in message("convs.3.conv.weight", torch.zeros(1, 48, 48, 5, 5))
    two = ema["to_rgb1.conv.weight"].repeat(2, 1, 1, 1, 1)
    assert "(1, out, in, k, k)" in message("to_rgb1.conv.weight", two)
    assert "no place in this network" in message("convs.9.activate.bias", torch.zeros(24))
    assert "has shape (1, 1, 4, 4)" in message("noises.noise_3", torch.zeros(1, 1, 4, 4))
    assert "belongs to no layer" in message("noises.noise_99", torch.zeros(1, 1, 4, 4))
    assert "low-pass filter" in message("convs.0.conv.blur.kernel", torch.ones(4, 4))
    assert "not finite" in message("convs.2.activate.bias", torch.full((48,), torch.nan))
    assert "torch.int64" in message("convs.2.activate.bias", torch.zeros(48, dtype=torch.int64))


def test_progressive_tensors_that_do_not_fit(golden, tmp_path, progressive_file):
    path = tmp_path / "g.pth"

    def message(**changes):
        kept = {n: t for n, t in progressive_file.items() if n not in changes}
        return refused(path, kept | {n: t for n, t in changes.items() if t is not None})

    assert "layer5.wscale.b is missing" in message(**{"layer5.wscale.b": None})
    assert "layer1.conv.weight is missing" in message(**{"layer1.conv.weight": None})
    assert "output_64x64.conv.weight is missing" in message(**{"output_64x64.conv.weight": None})
    assert "layer6.conv.weight has shape (32, 32, 5, 5)" in message(
        **{"layer6.conv.weight": torch.zeros(32, 32, 5, 5)}
    )
    assert "layer6.conv.weight has shape (32,)" in message(
        **{"layer6.conv.weight": torch.zeros(32)}
    )
    assert "head.weight has no place" in message(**{"head.weight": torch.zeros(3)})
    gap = {f"layer4.{part}": None for part in ("conv.weight", "wscale.b")}
    assert "without a gap" in message(**gap)
    wrong = {n: t for n, t in progressive_file.items() if not n.startswith("output")}
    wrong["output_32x32.conv.weight"] = progressive_file["output_64x64.conv.weight"]
    assert "output_64x64.conv.weight is missing" in refused(path, wrong)
    old = torch.load(golden / "pg_checkpoint_oldnames.pth", weights_only=True)
    del old["features.6.wscale.b"]
    assert "features.6.wscale.b is missing" in refused(path, old)


def test_own_file_that_lost_its_description(tmp_path, stylegan2):
    """What the tensors tell is enough, but for the encoding of z."""
    path = tmp_path / "g.safetensors"
    save_generator(stylegan2, path)
    save_file(load_file(path), path)
    assert load_generator(path).weights_sha256 == stylegan2.weights_sha256
    encoding = SoftThresholds(z_dim=3, thresholds=((0, 0.5),), width=0.1)
    encoded = StyleGAN2(8, {4: 2, 8: 2}, style_dim=9, mapping_layers=1, encoding=encoding)
    save_generator(encoded, path)
    save_file(load_file(path), path)
    assert "how z is encoded is not known" in refused(path)
