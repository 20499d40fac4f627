"""Small StyleGAN3 networks: the golden ones of NVIDIA's code, and others at random."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open

from palimpsest.generators.stylegan3 import StyleGAN3
from palimpsest.generators.stylegan3_designs import designed

GOLDEN = Path(__file__).parents[1] / "golden" / "nvidia"
TRUNCATION = 0.7  # of the golden images


@dataclass(frozen=True)
class Golden:
    """A network's state dict under NVIDIA's names, z (2, 24), and the images of NVIDIA's code."""

    state: dict
    z: torch.Tensor
    ws: torch.Tensor
    images: torch.Tensor


def golden_stylegan3(name: str) -> Golden:
    """The golden network "t" or "r"."""
    with safe_open(GOLDEN / f"sg3_{name}.safetensors", "pt") as file:
        assert json.loads(file.metadata()["json"])["truncation_psi"] == TRUNCATION
        held = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    state = {key[6:]: tensor for key, tensor in held.items() if key.startswith("state.")}
    return Golden(state, held["in.z"], held["out.ws"], held["out.image"])


def small_stylegan3(
    radial: bool = False, seed: int = 3, resolution: int = 16, **options: int
) -> StyleGAN3:
    """A network at random, with magnitudes, a mean latent and turns of its sines."""
    torch.manual_seed(seed)
    sizes = {"z_dim": 12, "style_dim": 16, "channel_base": 128, "channel_max": 8, "count": 4}
    g = designed(resolution, radial=radial, critical=1, **(sizes | options))
    for name, tensor in g.state_dict().items():
        if name.endswith("magnitude_ema"):
            tensor.fill_(float(torch.rand([]) + 0.5))
        elif name.endswith(("bias", "latent_avg", "input.affine.weight")):
            tensor.add_(0.3 * torch.randn_like(tensor))
    return g
