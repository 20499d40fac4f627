"""Training of an encoder on a generator's samples: E(G(z)) → w, for each layer.

    training = EncoderTraining(EncoderRecipe(), g)
    train_with_progress(training, Path("photo_faces-encoder.checkpoint.pt"))
    training.finished().save("photo_faces-encoder.safetensors")

Samples are made as they are needed, none is seen twice. The loop, its checkpoints and how it
resumes: `training.resumable`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from palimpsest.errors import ParameterError
from palimpsest.generators.base import Generator
from palimpsest.generators.samples import sample_z
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.photographs.encoder import Encoder
from palimpsest.photographs.inversion import image_of, latent_statistics
from palimpsest.photographs.settings import EncoderRecipe
from palimpsest.training.resumable import Losses, ResumableTraining

WARM_UP = 100
"""Steps over which the rate rises to its full height."""

LATENT_SAMPLES = 4096
"""Samples whose w give mean and deviation."""


class Batch(NamedTuple):
    """Numbers of one step for B samples: ``z`` (2, B, z_dim), ``crossing`` (B,), the row from which
    on the second z counts, ``factor`` and ``shift`` (B, 1, 1, 1), and ``noise`` (B, 1, R, R)."""

    crossing: Tensor
    z: Tensor
    factor: Tensor
    shift: Tensor
    noise: Tensor


class SampleBatches(Dataset):
    """The numbers of each step, from a random stream of its own, (seed, step)."""

    def __init__(self, recipe: EncoderRecipe, g: StyleGAN2) -> None:
        self.recipe, self.g = recipe, g

    def __getitem__(self, step: int) -> Batch:
        recipe, rows, side = self.recipe, self.g.latent_rows, self.g.resolution
        stream = np.random.RandomState([recipe.seed, step])
        n = recipe.batch
        mixed = stream.rand(n) < recipe.mixing
        crossing = np.where(mixed, stream.randint(1, rows, size=n), rows)
        z = stream.standard_normal((2, n, self.g.z_dim))
        factor = 1 + recipe.contrast * stream.uniform(-1, 1, (n, 1, 1, 1))
        shift = recipe.brightness * stream.uniform(-1, 1, (n, 1, 1, 1))
        noise = recipe.noise * stream.standard_normal((n, 1, side, side))
        floats = (torch.from_numpy(x.astype(np.float32)) for x in (z, factor, shift, noise))
        return Batch(torch.from_numpy(crossing), *floats)


class EncoderTraining(ResumableTraining):
    """A training run of an encoder for ``g``. Raises `ParameterError` for another network than a
    StyleGAN2."""

    def __init__(self, recipe: EncoderRecipe, g: Generator) -> None:
        if not isinstance(g, StyleGAN2):
            raise ParameterError(f"an encoder needs a StyleGAN2; this generator is a {g.kind}")
        self.recipe, self.g = recipe, g
        torch.manual_seed(recipe.seed)
        self.network = Encoder(
            g.resolution,
            g.latent_rows,
            g.latent_avg.numel(),
            recipe.widths,
            recipe.hidden,
            g.weights_sha256,
        ).to(memory_format=torch.channels_last)
        statistics = latent_statistics(g, sample_z(g, LATENT_SAMPLES, recipe.seed))
        self.network.mean.copy_(statistics.mean)
        self.network.deviation.copy_(statistics.deviation)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=recipe.rate)
        super().__init__(
            recipe.steps,
            {"generator": g.weights_sha256, **recipe.model_dump(mode="json")},
            SampleBatches(recipe, g),
            {"network": self.network, "optimizer": self.optimizer},
        )

    def update(self, batch: Batch) -> Losses:
        """One step of Adam; returns the squared error of w and of the image."""
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        network, recipe = self.network, self.recipe
        with torch.no_grad():
            first, second = (self.g.latents(z)[:, 0] for z in batch.z)
            own = torch.arange(self.g.latent_rows)[None, :] < batch.crossing[:, None]
            latent = torch.where(own[:, :, None], first[:, None], second[:, None])
            with torch.autocast("cpu", torch.bfloat16):
                sample = image_of(self.g, latent).float()
        shown = (sample * batch.factor + batch.shift + batch.noise).clamp(-1, 1)
        wanted = (latent - network.mean) / network.deviation
        with torch.autocast("cpu", torch.bfloat16):
            found = network(shown.contiguous(memory_format=torch.channels_last)).float()
        of_w = F.mse_loss(found, wanted)
        loss, losses = of_w, {"w": float(of_w.detach())}
        if recipe.image_weight:
            with torch.autocast("cpu", torch.bfloat16):
                made = image_of(self.g, network.mean + found * network.deviation).float()
            of_image = F.mse_loss(made, sample)
            loss = loss + recipe.image_weight * of_image
            losses["image"] = float(of_image.detach())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return losses

    def _rate(self) -> float:
        warm = min(1.0, (self.step + 1) / WARM_UP)
        return self.recipe.rate * warm * 0.5 * (1 + math.cos(math.pi * self.step / self.steps))

    def finished(self) -> Encoder:
        """The encoder with its provenance, ready for use."""
        self.network.facts = {
            "recipe": self.recipe.model_dump(mode="json"),
            "samples": self.step * self.recipe.batch,
            "seconds": round(self.seconds),
            "curve": self.curve,
        }
        return self.network.eval()
