"""Adversarial training of a StyleGAN2 on photographs, growing the resolution.

    training = AdversarialTraining(AdversarialRecipe(...), images)     # uint8 (N, S, S)
    train_with_progress(training, Path("faces.checkpoint.pt"))
    training.finished()                                                # the averaged generator

Non-saturating loss (Goodfellow et al. 2014), lazy R1 penalty (Mescheder et al. 2018; Karras et al.
2020: every 16 steps, times 16), minibatch deviation, style mixing, and augmentation that follows
overfitting (`augmentation`). The generator is the very network of the published weights, with fresh
noise inputs; at each resolution of the recipe both networks use their layers up to it. The loop,
its checkpoints and how it resumes: `resumable`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor
from torch.utils.data import Dataset

from palimpsest.errors import ParameterError
from palimpsest.generators.base import ValueState
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.training.adversarial_recipe import AdversarialRecipe, GrowthStage
from palimpsest.training.augmentation import AugmentationStrength, augmented
from palimpsest.training.discriminator import Discriminator
from palimpsest.training.resumable import Losses, ResumableTraining

R1_INTERVAL = 16
"""Steps between two R1 penalties (lazy regularisation)."""

LAZY = R1_INTERVAL / (R1_INTERVAL + 1)
"""Factor of the discriminator's rate and decay that makes up for lazy regularisation."""

LATENT_SAMPLES = 4096
"""Samples whose mean w becomes the generator's ``latent_avg``."""


class Batch(NamedTuple):
    """What one step sees.

    ``photographs`` (B, 1, r, r) float32 in [-1, 1], half of them mirrored. For the update of the
    discriminator, then of the generator: ``z`` (2, 2, B, z_dim), two for each image, and
    ``crossing`` (2, B), the row of the extended latent from which on the second one counts.
    ``seed``: of the noise inputs and the augmentation.
    """

    photographs: Tensor
    z: Tensor
    crossing: Tensor
    seed: int


class PhotographBatches(Dataset):
    """The batch of each step, drawn from a random stream of its own, (seed, step)."""

    def __init__(self, recipe: AdversarialRecipe, photographs: np.ndarray, rows: int) -> None:
        """``photographs``: uint8 (N, S, S). ``rows``: of the generator's extended latent."""
        self.recipe, self.photographs, self.rows = recipe, photographs, rows

    def __getitem__(self, step: int) -> Batch:
        _, stage, _ = self.recipe.stage_at(step)
        stream = np.random.RandomState([self.recipe.seed, step])
        batch = stage.batch
        chosen = self.photographs[stream.randint(len(self.photographs), size=batch)]
        mirrored = stream.rand(batch)[:, None, None] < 0.5
        pixels = torch.from_numpy(np.where(mirrored, chosen[:, :, ::-1], chosen))
        images = pixels[:, None].float() / 127.5 - 1
        if (factor := images.shape[-1] // stage.resolution) > 1:
            images = F.avg_pool2d(images, factor)
        z = stream.standard_normal((2, 2, batch, self.recipe.z_dim)).astype(np.float32)
        mixed = stream.rand(2, batch) < self.recipe.style_mixing
        crossing = np.where(mixed, stream.randint(1, self.rows, size=(2, batch)), self.rows)
        seed = int(stream.randint(2**31))
        return Batch(images, torch.from_numpy(z), torch.from_numpy(crossing), seed)


class AdversarialTraining(ResumableTraining):
    """A training run of a generator of photographs.

    ``average`` is the exponential moving average of the generator. Stages that a checkpoint has
    not begun may differ from the recipe's, so a finished run can be given one more stage.

    Raises `ParameterError` for photographs smaller than the recipe's images, and for a stage whose
    resolution has no width among ``channels``.
    """

    def __init__(self, recipe: AdversarialRecipe, photographs: np.ndarray) -> None:
        """``photographs``: uint8 (N, S, S)."""
        for stage in recipe.stages:
            if stage.resolution not in recipe.channels:
                raise ParameterError(
                    f"a stage has resolution {stage.resolution}; channels has "
                    f"{', '.join(map(str, sorted(recipe.channels)))}"
                )
        if photographs.shape[-1] < recipe.resolution:
            raise ParameterError(
                f"photographs of {photographs.shape[-1]} pixels are smaller than the "
                f"{recipe.resolution} of the recipe"
            )
        self.recipe = recipe
        torch.manual_seed(recipe.seed)
        self.generator = _generator(recipe)
        self.average = _generator(recipe).requires_grad_(False)
        self.average.load_state_dict(self.generator.state_dict())
        self.discriminator = Discriminator(recipe.channels).to(memory_format=torch.channels_last)
        self.strength = AugmentationStrength()
        self.generator_optimizer = torch.optim.Adam(
            self.generator.parameters(), lr=recipe.rate, betas=(0.0, 0.99)
        )
        self.discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), lr=recipe.rate * LAZY, betas=(0.0, 0.99**LAZY)
        )
        super().__init__(
            recipe.steps,
            recipe.model_dump(mode="json"),
            PhotographBatches(recipe, photographs, self.generator.latent_rows),
            {
                "generator": self.generator,
                "average": self.average,
                "discriminator": self.discriminator,
                "strength": self.strength,
                "generator_optimizer": self.generator_optimizer,
                "discriminator_optimizer": self.discriminator_optimizer,
            },
        )

    def about(self, step: int) -> dict[str, int]:
        _, stage, within = self.recipe.stage_at(step)
        shown = self.recipe.images_until(step - within) + (within + 1) * stage.batch
        return {"resolution": stage.resolution, "images": shown}

    def begins_stage(self, step: int) -> bool:
        return self.recipe.stage_at(step)[2] == 0

    def continues(self, facts: Mapping[str, Any], step: int) -> bool:
        begun = self.recipe.stage_at(step - 1)[0] + 1 if 0 < step <= self.steps else 0
        try:  # a setting that an older checkpoint does not know has its default there
            other = AdversarialRecipe.model_validate(facts)
        except ValidationError:
            return False
        same = self.recipe.stages[:begun] == other.stages[:begun]
        return same and self.recipe == other.model_copy(update={"stages": self.recipe.stages})

    def update(self, batch: Batch) -> Losses:
        """One step of Adam on the discriminator, one on the generator, then its average."""
        _, stage, within = self.recipe.stage_at(self.step)
        joining = min(1.0, (within + 1) * stage.batch / max(1, stage.joining))
        self._set_rates(*self.recipe.rates(stage))
        if stage.noise_anew and within == 0:
            self._silence_noise()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(batch.seed)
            found = self._update_discriminator(batch, stage, joining)
            found |= self._update_generator(batch, stage, joining)
        self._average(stage.batch)
        self.strength.follow(found.pop("sign"), stage.batch)
        return found | {"strength": self.strength.value}

    def _set_rates(self, generator: float, discriminator: float) -> None:
        for group in self.generator_optimizer.param_groups:
            group["lr"] = generator
        for group in self.discriminator_optimizer.param_groups:
            group["lr"] = discriminator * LAZY

    @torch.no_grad()
    def _silence_noise(self) -> None:
        for g in (self.generator, self.average):
            for number in g.layers:
                g.styled_conv(number).noise.weight.zero_()

    def _update_discriminator(
        self, batch: Batch, stage: GrowthStage, joining: float
    ) -> dict[str, float]:
        real = _joined(batch.photographs, joining).expand(-1, 3, -1, -1)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            fake = self._made(batch.z[0], batch.crossing[0], stage, joining)
        real = augmented(real, self.strength.value)
        fake = augmented(fake.float(), self.strength.value)
        with torch.autocast("cpu", torch.bfloat16):
            on_real, on_fake = self._scores(real, joining), self._scores(fake, joining)
        loss = F.softplus(on_fake.float()).mean() + F.softplus(-on_real.float()).mean()
        penalised = self.step % R1_INTERVAL == 0
        penalty = self._r1(real, stage, joining) if penalised else torch.zeros(())
        self.discriminator_optimizer.zero_grad(set_to_none=True)
        (loss + penalty).backward()
        self.discriminator_optimizer.step()
        return {
            "discriminator": float(loss.detach()),
            "real": float(on_real.detach().float().mean()),
            "fake": float(on_fake.detach().float().mean()),
            "sign": float(on_real.detach().float().sign().mean()),
        }

    def _r1(self, real: Tensor, stage: GrowthStage, joining: float) -> Tensor:
        """γ/2 · E‖∇D‖² at the photographs, times `R1_INTERVAL`; float32 throughout."""
        gamma = self.recipe.gamma(stage)
        real = real.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(
            self._scores(real, joining).sum(), real, create_graph=True
        )
        return R1_INTERVAL * gamma / 2 * gradient.square().sum(dim=(1, 2, 3)).mean()

    def _update_generator(
        self, batch: Batch, stage: GrowthStage, joining: float
    ) -> dict[str, float]:
        self.discriminator.requires_grad_(False)
        with torch.autocast("cpu", torch.bfloat16):
            fake = self._made(batch.z[1], batch.crossing[1], stage, joining)
            scores = self._scores(augmented(fake.float(), self.strength.value), joining)
        loss = F.softplus(-scores.float()).mean()
        self.generator_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.generator_optimizer.step()
        self.discriminator.requires_grad_(True)
        return {"generator": float(loss.detach())}

    def _scores(self, images: Tensor, joining: float) -> Tensor:
        laid_out = images.contiguous(memory_format=torch.channels_last)
        return self.discriminator(laid_out, joining)

    def _made(self, z: Tensor, crossing: Tensor, stage: GrowthStage, joining: float) -> Tensor:
        """Images (B, 3, r, r) of ``z`` (2, B, z_dim), the second from row ``crossing`` (B,) on."""
        first, second = self.generator.mapping(z.flatten(0, 1)).unflatten(0, z.shape[:2]).unbind(0)
        own = torch.arange(self.generator.latent_rows)[None, :] < crossing[:, None]
        latent = torch.where(own[:, :, None], first[:, None], second[:, None])
        return _joined(image_at(self.generator, latent, stage.resolution), joining)

    @torch.no_grad()
    def _average(self, batch: int) -> None:
        # a young average follows quickly, otherwise it would keep the random start for long
        shown = self.recipe.images_until(self.step + 1)
        half_life = min(self.recipe.ema_images, 0.05 * shown)
        torch._foreach_lerp_(
            list(self.average.parameters()),
            list(self.generator.parameters()),
            1 - 0.5 ** (batch / half_life),
        )

    def finished(self) -> StyleGAN2:
        """The averaged generator at the resolution reached so far, with its mean latent."""
        _, stage, _ = self.recipe.stage_at(max(self.step - 1, 0))
        channels = {r: c for r, c in self.recipe.channels.items() if r <= stage.resolution}
        g = _generator(self.recipe.model_copy(update={"channels": channels}))
        held = self.average.state_dict()
        g.load_state_dict({name: held[name] for name in g.state_dict()})
        g.noise = "single"
        stream = np.random.RandomState(self.recipe.seed)
        z = torch.from_numpy(stream.standard_normal((LATENT_SAMPLES, g.z_dim)))
        with torch.no_grad():
            g.latent_avg.copy_(g.mapping(z.float()).mean(dim=0))
        return g.eval().requires_grad_(False)


def image_at(g: StyleGAN2, latent: Tensor, resolution: int) -> Tensor:
    """The image (B, 3, r, r) of the layers up to ``resolution`` r, for an extended latent."""
    last = 2 * int(math.log2(resolution)) - 2
    values: ValueState = g.layer(2).values(g.start_from(latent))
    for number in range(3, last + 1):
        values = g.layer(number).values(g.next_keys(values))
    return g.running_image(values)


def _joined(images: Tensor, joining: float) -> Tensor:
    """``images`` with the share ``joining`` of what a halved image does not hold."""
    if joining >= 1:
        return images
    small = F.interpolate(F.avg_pool2d(images, 2), scale_factor=2, mode="nearest")
    return small + joining * (images - small)


def _generator(recipe: AdversarialRecipe) -> StyleGAN2:
    g = StyleGAN2(
        recipe.resolution,
        recipe.channels,
        style_dim=recipe.style_dim,
        mapping_layers=recipe.mapping_layers,
        z_dim=recipe.z_dim,
    )
    g.noise = "random"
    return g.to(memory_format=torch.channels_last)
