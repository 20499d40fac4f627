"""Progressive GAN's pickles of 2018 draw what that code draws; no source in them runs."""

import pickle

import numpy as np
import pytest
import torch

from palimpsest.generators import load_generator, sample_z, save_generator
from palimpsest.generators.checkpoints.exporting import export_generator
from tests.generators import progressive_2018 as code
from tests.generators import tensorflow_files as tensorflow
from tests.generators.nvidia_files import refused

SETTINGS = {"num_channels": 3, "resolution": 16, "label_size": 0, "latent_size": 6}


@pytest.fixture
def writer(monkeypatch, tmp_path):
    return tensorflow.Writer(monkeypatch, tmp_path / "ran", "tfutil.Network")


@pytest.fixture
def write(writer, tmp_path):
    """Write (G, D, Gs) with Gs of the given variables; the file's path."""

    def written(variables, settings=None, protocol=4):
        other = {name: np.zeros_like(array) for name, array in variables.items()}
        settings = SETTINGS | (settings or {})
        networks = (
            writer.network(other, settings, version=2),
            writer.discriminator(),
            writer.network(variables, settings, version=2),
        )
        return tensorflow.write(tmp_path / "karras2018iclr.pkl", networks, protocol)

    return written


def drawn(path):
    """Images of four samples in float64, and the samples."""
    g = load_generator(path).double()
    z = sample_z(g, 4).double()
    return g(z).numpy(), z.numpy()


@pytest.mark.parametrize("fused", [True, False], ids=["Conv0_up", "Conv0"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_images_are_those_of_the_code_of_2018(write, tmp_path, fused, protocol):
    variables = code.random_variables(fused)
    images, z = drawn(write(variables, protocol=protocol))
    wanted = code.draw(variables, z)
    assert wanted.std() > 0.3 and images.shape == (4, 3, 16, 16)
    assert np.abs(images - wanted.clip(-1, 1)).max() < 1e-9
    assert not (tmp_path / "ran").exists()


def test_the_source_would_run_elsewhere(write, tmp_path):
    """The fixture is as dangerous as NVIDIA's files: Python's own unpickler runs it."""
    path = write(code.random_variables())
    load_generator(path)
    assert not (tmp_path / "ran").exists()
    pickle.loads(path.read_bytes())
    assert (tmp_path / "ran").exists()


def test_every_layer_is_editable(write):
    g = load_generator(write(code.random_variables()))
    z = sample_z(g, 2)
    assert g.kind == "progressive" and g.layers == tuple(range(2, 7))
    for number in g.layers:
        layer = g.layer(number)
        rendered = layer.render(layer.values(layer.keys(z)))
        assert (rendered - g(z)).abs().max() < 1e-5


def test_weights_without_a_scale_at_run_time(write):
    variables = code.random_variables()
    variables = {n: a * 0.1 if n.endswith("weight") else a for n, a in variables.items()}
    images, z = drawn(write(variables, {"use_wscale": False}))
    wanted = code.draw(variables, z, use_wscale=False)
    assert np.abs(images - wanted.clip(-1, 1)).max() < 1e-5


def test_the_older_files_of_the_theano_code(monkeypatch, tmp_path):
    writer = tensorflow.Writer(monkeypatch, tmp_path / "ran", "network.Network")
    variables = code.random_variables(fused=False)

    def network(func="G_paper", arrays=None, lod=0.0):
        thing = writer.kind.__new__(writer.kind)
        thing.__dict__ |= {
            "build_func_spec": {"func": func, "resolution": 16, "label_size": 0},
            "build_module_src": writer.source,
            "param_values": code.theano_arrays(variables) if arrays is None else arrays,
            "toplevel_params": {"cur_lod": np.array(lod, np.float32)},
        }
        return thing

    path = tmp_path / "theano.pkl"
    images, z = drawn(tensorflow.write(path, (network(), network("D_paper"), network()), 2))
    assert np.abs(images - code.draw(variables, z).clip(-1, 1)).max() < 1e-5
    assert not (tmp_path / "ran").exists()
    for other, found in {
        network("G_other"): "the Theano network 'G_other'",
        network(arrays=[]): "without its arrays",
        network(arrays=code.theano_arrays(variables)[:-1]): "26 arrays",
        network(lod=2.0): "lod 2",
    }.items():
        assert found in refused(tensorflow.write(path, (other,) * 3, 2))


def test_networks_that_have_no_place_here(write):
    variables = code.random_variables()

    def message(settings=None, **changed):
        return refused(write(variables | changed, settings))

    assert "label_size 10, where 0 is needed" in message({"label_size": 10})
    assert "use_pixelnorm False, where True is needed" in message({"use_pixelnorm": False})
    assert "lod 1.5: its training ended" in message(lod=np.float32(1.5))
    grey = {"ToRGB_lod0/weight": np.ones((1, 1, 4, 1)), "ToRGB_lod0/bias": np.ones(1)}
    assert "images of 1 channels" in message(**grey)
    assert "variable 8x8/Conv2/weight" in message(**{"8x8/Conv2/weight": np.ones(1)})
    lacking = {name: array for name, array in variables.items() if name != "8x8/Conv1/bias"}
    assert "variable 8x8/Conv1/bias is missing" in refused(write(lacking))
    assert "16x16/Conv1/weight has shape (2,); 4 axes" in message(
        **{"16x16/Conv1/weight": np.ones(2)}
    )
    assert "not finite" in message(**{"8x8/Conv1/bias": np.full(6, np.nan)})


def test_a_module_of_another_code_with_the_same_class_path(monkeypatch, tmp_path):
    """`network.Network` is a usual name; only with variables is it one of NVIDIA's."""
    writer = tensorflow.Writer(monkeypatch, tmp_path / "ran", "network.Network")
    module = writer.kind.__new__(writer.kind)
    module.training = False
    assert "NVIDIA" not in refused(tensorflow.write(tmp_path / "g.pkl", module)).split(";")[0]


def test_export_and_the_own_format_keep_the_model(write, tmp_path):
    g = load_generator(write(code.random_variables()))
    export_generator(g, tmp_path / "g.pt")
    save_generator(g, tmp_path / "g.safetensors", g.provenance)
    for name in ("g.pt", "g.safetensors"):
        again = load_generator(tmp_path / name)
        assert again.weights_sha256 == g.weights_sha256
        assert torch.equal(again(sample_z(g, 2)), g(sample_z(g, 2)))
