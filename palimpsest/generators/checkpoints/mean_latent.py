"""The mean latent of a StyleGAN2: as files hold it, and estimated where they do not.

It is the mean of w over z, (style_dim,), which truncation needs. Files hold it once, with axes of
one before it, or once for each row of the extended latent.
"""

from __future__ import annotations

import torch
from torch import Tensor

from palimpsest.generators.base import Generator
from palimpsest.generators.samples import sample_z

MEAN_NAMES = ("latent_avg", "mean_latent", "w_avg", "dlatent_avg")
ESTIMATED_FROM = 10_000  # samples, as the common port's generate.py and NVIDIA's code use
NOTE = "mean latent"  # its entry in a generator's provenance


def as_vector(mean: Tensor, style_dim: int) -> Tensor | None:
    """The mean latent (style_dim,) of a file's tensor; None where that is not one vector.

    Not one are a single number, as old versions of PyTorch kept of it, and rows that differ.
    A tensor of other numbers of columns is given back flat: its shape is wrong.
    """
    if not mean.ndim or mean.numel() == 0:
        return None
    if mean.shape[-1] != style_dim:
        return mean.reshape(-1)
    rows = mean.reshape(-1, style_dim)
    return rows[0] if torch.equal(rows, rows[:1].expand_as(rows)) else None


def estimate_mean(generator: Generator) -> None:
    """Set the mean latent of ``generator`` to that of `ESTIMATED_FROM` standard samples of seed 1.

    It is noted in the provenance. The generator stays the model that it is (`weights_sha256`).
    """
    _ = generator.weights_sha256  # of the file: an estimate is not part of it
    z = sample_z(generator, n=ESTIMATED_FROM, seed=1)
    total = torch.zeros_like(generator.latent_avg, dtype=torch.float64)
    with torch.inference_mode():
        for part in z.split(1000):
            total += generator.mapping(part).double().sum(dim=0)
    generator.latent_avg = (total / ESTIMATED_FROM).to(generator.latent_avg)
    note = f"estimated from {ESTIMATED_FROM:,} samples of seed 1"
    generator.provenance = {**generator.provenance, NOTE: note}
