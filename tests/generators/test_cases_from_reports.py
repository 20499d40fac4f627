"""The checkpoints of ../shared/cases: each loads as the network that it holds, or is refused truly.

They are made by a script that is no part of this project; without it the tests are skipped.
"""

import re
import runpy
import sys
import warnings
from pathlib import Path

import pytest
import torch

from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.checkpoints import exporting
from tests.generators.nvidia_files import refused

SCRIPT = Path(__file__).parents[3] / "shared" / "cases" / "make_checkpoints.py"

PLAIN = (  # as the network, without a mean latent
    *("args_device_dtype.pt", "args_easydict.pt", "args_path.pt", "cuda_location.pt"),
    *("legacy_container.pt", "numpy_array.pt", "numpy_scalar.pt", "train_full.pt"),
    *("bare.safetensors", "generator.safetensors", "netG_bare.pt", "no_leading_axis.pt"),
    *("g_only.pt", "generator_ema_key.pt", "generator_key.pt", "params_ema.pt"),
    *("state_dict_wrapper.pt", "module_prefix_bare.pt", "lightning.ckpt", "latent_none.pt"),
    *("tuple.pt", "whole_list.pt"),
)
WITH_MEAN = (
    *("ema_key.pt", "g_ema.safetensors", "g_only_latent.pt", "train_ada_tensor.pt", "psp.pt"),
    *("latent_1x32.pt", "latent_1xrows.pt", "latent_f64.pt", "latent_in_g_ema.pt"),
    *("latent_list.pt", "latent_numpy.pt", "latent_rows.pt", "module_prefix_g_ema.pt"),
)
TAKEN = {  # of several networks in the file, or from under an unusual key
    "train_full.pt": "g_ema, not g",
    "g_only.pt": "g",
    "lightning.ckpt": "state_dict.G_ema",
    "psp.pt": "state_dict.decoder",
    "module_prefix_g_ema.pt": "g_ema.module",
    "whole_list.pt": "entry 0",
    "params_ema.pt": "params_ema",
    "bare.safetensors": None,
    "latent_rows.pt": None,
}
ROUNDED = {"half.pt": 2**-11, "bf16.pt": 2**-8}
VARIANTS = {
    "conditional.pt": {"classes": 5, "image_channels": 3, "image_size": (64, 64)},
    "gray.pt": {"classes": 0, "image_channels": 1, "image_size": (64, 64)},
    "rgba.pt": {"classes": 0, "image_channels": 4, "image_size": (64, 64)},
    "nonsquare.pt": {"classes": 0, "image_channels": 3, "image_size": (64, 32)},
    "nonsquare_no_noise.pt": {"classes": 0, "image_channels": 3, "image_size": (64, 32)},
}
REFUSED = {
    "oldkernel.pt": r"convs.0.conv.blur.kernel is the low-pass filter \[1, 3, 3, 1\] with a sum",
    "swagan.pt": r": SWAGAN, a StyleGAN2 that draws wavelet coefficients",
    "torchscript.pt": r": a TorchScript archive with 2 tensors of an unknown network",
}
OTHERS = ("mlp2_cm1.pt",)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Folder of the checkpoints, and what the script holds: the network and its mean latent."""
    if not SCRIPT.is_file():
        pytest.skip(f"{SCRIPT} is not there")
    folder = tmp_path_factory.mktemp("cases")
    patch = pytest.MonkeyPatch()
    patch.setattr(sys, "argv", [str(SCRIPT), str(folder)])
    patch.setitem(sys.modules, "palimpsest.generators.exporting", exporting)  # its former place
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the script traces a module, which is deprecated
        held = runpy.run_path(str(SCRIPT))
    patch.undo()
    return folder, held["g"]


def test_every_case_has_its_value(cases):
    folder, _ = cases
    known = {*PLAIN, *WITH_MEAN, *ROUNDED, *VARIANTS, *REFUSED, *OTHERS}
    assert {file.name for file in folder.iterdir()} == known


@pytest.mark.parametrize("name", [*PLAIN, *WITH_MEAN])
def test_it_is_the_network(cases, name):
    folder, network = cases
    g = load_generator(folder / name)
    z = sample_z(g, 2)
    assert torch.equal(g(z), network(z))
    if name in WITH_MEAN:
        assert torch.equal(g.latent_avg, network.latent_avg)
        assert g.weights_sha256 == network.weights_sha256
    else:
        assert g.latent_avg.isnan().all()
        mended = load_generator(folder / name, truncation=0.5, estimate_mean=True)
        assert mended(z).isfinite().all()
    if name in TAKEN:
        assert g.provenance.get("taken from") == TAKEN[name]


@pytest.mark.parametrize("name", ROUNDED)
def test_it_is_the_network_with_rounded_weights(cases, name):
    folder, network = cases
    g = load_generator(folder / name)
    wanted = dict(network.named_parameters())
    for key, parameter in g.named_parameters():
        assert (parameter - wanted[key]).abs().max() <= ROUNDED[name] * wanted[key].abs().max()


@pytest.mark.parametrize("name", VARIANTS)
def test_it_is_a_variant_of_the_network(cases, name):
    g = load_generator(cases[0] / name)
    assert {key: getattr(g, key) for key in VARIANTS[name]} == VARIANTS[name]
    images = g(sample_z(g, 2))
    assert images.shape == (2, g.image_channels, *g.image_size) and images.isfinite().all()


def test_other_widths_and_depths(cases):
    g = load_generator(cases[0] / "mlp2_cm1.pt")
    assert set(g.channels.values()) == {8} and len(g.style) == 3


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_one_true_line(cases, name):
    pattern = REFUSED[name]
    message = refused(cases[0] / name)
    assert re.search(pattern, message), message
    assert "damaged" not in message and "fetch" not in message
