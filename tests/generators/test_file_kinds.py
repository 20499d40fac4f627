"""A file that is not read here is told what it is, and never to be damaged where it is whole."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.generators.nvidia_files import refused

FILES = {
    "a web page": b"<!DOCTYPE html><html>404</html>" * 9,
    "a web page,": b"\n  <html><head><title>Google Drive - Quota exceeded</title>",
    "an XML answer": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
    "an HDF5 file": b"\x89HDF\r\n\x1a\n" + bytes(99),
    "one NumPy array": b"\x93NUMPY\x01\x00" + bytes(99),
    "compressed with gzip": gzip.compress(b"x" * 99),
    "compressed with bzip2": bz2.compress(b"x" * 99),
    "compressed with xz": lzma.compress(b"x" * 99),
    "a 7z archive": b"7z\xbc\xaf\x27\x1c" + bytes(99),
    "a picture (PNG)": b"\x89PNG\r\n\x1a\n" + bytes(99),
    "an ONNX model": b"\x08\x07\x12\x07pytorch\x1a\x052.4.0" + bytes(99),
    "a TensorFlow Lite model": b"\x1c\x00\x00\x00TFL3" + bytes(99),
    "a part of a TensorFlow checkpoint": b'model_checkpoint_path: "model.ckpt-9"\n',
    "a JSON configuration": json.dumps({"_class_name": "UNet2DModel"}).encode(),
    "the index of weights": json.dumps({"weight_map": {"a": "b"}}).encode(),
    "a JSON text": b'["a"]' + b" " * 9,
    "no weights file known here": b"hello, this is a text of some length",
}


@pytest.mark.parametrize("kind", FILES)
def test_files_of_other_kinds(tmp_path, kind):
    message = refused(tmp_path / "g.pt", FILES[kind])
    assert f": {kind}" in message
    assert "damaged" not in message and "fetch" not in message


def test_the_index_and_the_numbers_of_a_tensorflow_checkpoint(tmp_path):
    index = b"\x00" * 99 + (0xDB4775248B80FB57).to_bytes(8, "little")
    assert "a TensorFlow checkpoint" in refused(tmp_path / "model.index", index)
    numbers = np.zeros(99, np.float32).tobytes()
    assert "a TensorFlow checkpoint" in refused(tmp_path / "m.data-00000-of-00001", numbers)


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_archives_of_other_things(tmp_path):
    path = tmp_path / "g.pt"
    np.savez(tmp_path / "arrays.npz", a=np.zeros(3), b=np.zeros(2))
    message = refused(tmp_path / "arrays.npz")
    assert "NumPy's .npz with 2 arrays (a, b ...)" in message and "damaged" not in message
    message = refused(path, zipped(**{"weights/g.pt": b"x", "readme.txt": b"x"}))
    assert "a zip archive that holds weights/g.pt; unpack it" in message
    assert "a zip archive of other files (a.txt)" in refused(path, zipped(**{"a.txt": b"x"}))
    assert "a Keras model" in refused(path, zipped(**{"model.weights.h5": b"x"}))
    with tarfile.open(tmp_path / "g.tar", "w") as archive:
        archive.add(tmp_path / "arrays.npz", "arrays.npz")
    assert "a tar archive" in refused(tmp_path / "g.tar")


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_torchscript(tmp_path, golden):
    """Its tensors are read as those of any other file; what it is, is said where they are none."""
    path = tmp_path / "script.pt"
    torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(str(path))
    message = refused(path)
    assert "a TorchScript archive with 2 tensors of an unknown network" in message
    assert "damaged" not in message


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"model_index.json": "{}"}, "a diffusers pipeline"),
        ({"saved_model.pb": ""}, "a TensorFlow model"),
        ({"checkpoint": ""}, "a TensorFlow checkpoint"),
        ({"data.pkl": ""}, "an unpacked PyTorch file"),
        ({}, "give the path of a generator's weights"),
    ],
)
def test_folders(tmp_path, files, kind):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert kind in refused(tmp_path)


NETWORKS = {
    "a discriminator alone": ["convs.0.0.weight", "final_conv.0.weight", "final_linear.1.weight"],
    "a discriminator alone; the": ["b64.fromrgb.weight", "b4.conv.weight", "b4.out.weight"],
    "a diffusion model": ["down_blocks.0.resnets.0.conv1.weight", "conv_in.weight"],
    "a diffusion model (as": ["encoder.mid_block.resnets.0.norm1.weight"],
    "SWAGAN": ["conv1.conv.modulation.weight", "iwt.ll"],
    "the StyleGAN2 of lucidrains": ["GE.blocks.0.to_style1.weight", "D.blocks.0.conv_res.weight"],
    "the first StyleGAN": ["generator.progression.0.conv1.conv.weight"],
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_other_networks_are_named(tmp_path, kind):
    tensors = {name: torch.zeros(2) for name in NETWORKS[kind]}
    torch.save({"state_dict": tensors}, tmp_path / "g.pt")
    save_file(tensors, tmp_path / "g.safetensors")
    for name in ("g.pt", "g.safetensors"):
        message = refused(tmp_path / name)
        assert f": {kind}" in message and "wrap()" in message
        assert "damaged" not in message and "fetch" not in message


def test_a_network_with_a_discriminator_is_no_discriminator_alone(tmp_path, golden):
    content = torch.load(golden / "sg2_checkpoint.pt", weights_only=True)
    del content["g_ema"]["input.input"]
    beside = {name: torch.zeros(2) for name in NETWORKS["a discriminator alone"]}
    torch.save(content | {"d": beside}, tmp_path / "g.pt")
    message = refused(tmp_path / "g.pt")
    assert "tensor g_ema.input.input is missing; save the whole state dict" in message
