"""Adversarial training of a StyleGAN2 on photographs, growing the resolution.

    training = AdversarialTraining(AdversarialRecipe(...), images)     # uint8 (N, S, S)
    training.advance()                                                 # one step of each network
    training.finished()                                                # the averaged generator

Non-saturating loss (Goodfellow et al. 2014), lazy R1 penalty (Mescheder et al. 2018; Karras et al.
2020: every 16 steps, times 16), minibatch deviation, style mixing, and augmentation that follows
overfitting (`augmentation`). The generator is the very network of the published weights, with fresh
noise inputs; at each resolution of the recipe both networks use their layers up to it. Step i draws
all its random numbers from the stream (seed, i), so a run is a function of its recipe, and one that
was killed goes on from its last checkpoint as if nothing had happened.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.base import ValueState
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.settings import Count, Rate, Seed, Settings
from palimpsest.training.augmentation import augmented, followed
from palimpsest.training.discriminator import Discriminator

R1_EVERY = 16
"""Steps between two R1 penalties (lazy regularisation)."""

AUGMENT_EVERY = 4
"""Steps between two changes of the augmentation's strength."""

LATENT_SAMPLES = 4096
"""Samples whose mean w becomes the generator's ``latent_avg``."""


class GrowthStage(Settings):
    """Training at one resolution: ``images`` photographs shown, ``batch`` at a time.

    The blocks of a new resolution are mixed in over the first ``joining`` images.
    """

    resolution: Count
    images: Count
    batch: Count
    joining: int = 0


class AdversarialRecipe(Settings):
    """Everything an adversarial training run depends on.

    ``channels``: width at each resolution. ``r1``: γ is ``r1`` · resolution² / batch (Karras et
    al. 2020b start from 0.0002). ``ema_images``: half-life of the averaged weights, in images.
    ``style_mixing``: share of images whose layers take their style from two z.
    """

    channels: dict[int, Count]
    stages: list[GrowthStage]
    z_dim: Count = 128
    style_dim: Count = 128
    mapping_layers: Count = 4
    rate: Rate = 2e-3
    r1: float = 2e-4
    ema_images: Count = 10_000
    style_mixing: float = 0.5
    seed: Seed = 0

    @property
    def resolution(self) -> int:
        """Pixels a side of the finished generator's images."""
        return max(self.channels)

    @property
    def steps(self) -> int:
        """Steps of all stages together."""
        return sum(-(-stage.images // stage.batch) for stage in self.stages)

    def stage_at(self, step: int) -> tuple[GrowthStage, int]:
        """The stage that ``step`` belongs to, and the step's number in it."""
        for stage in self.stages:
            steps = -(-stage.images // stage.batch)
            if step < steps:
                return stage, step
            step -= steps
        raise ValueError(f"step {step} is past the end of the recipe")


class AdversarialTraining:
    """A training run: `advance` it step by step; `state` and `load_state` keep and restore it."""

    def __init__(self, recipe: AdversarialRecipe, photographs: np.ndarray) -> None:
        """``photographs``: uint8 (N, S, S), S at least the recipe's resolution.

        Raises `ParameterError` where they are smaller, or a stage is larger than ``channels``.
        """
        if photographs.shape[-1] < recipe.resolution:
            raise ParameterError(
                f"photographs of {photographs.shape[-1]} pixels are smaller than the "
                f"{recipe.resolution} of the recipe"
            )
        if max(stage.resolution for stage in recipe.stages) > recipe.resolution:
            raise ParameterError("the recipe's stages go beyond the resolution of its channels")
        self.recipe = recipe
        self.photographs = photographs
        torch.manual_seed(recipe.seed)
        self.generator = _generator(recipe)
        self.average = _generator(recipe).requires_grad_(False)
        self.average.load_state_dict(self.generator.state_dict())
        self.discriminator = Discriminator(recipe.channels).to(memory_format=torch.channels_last)
        lazy = R1_EVERY / (R1_EVERY + 1)
        self.generator_optimizer = torch.optim.Adam(
            self.generator.parameters(), lr=recipe.rate, betas=(0.0, 0.99)
        )
        self.discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), lr=recipe.rate * lazy, betas=(0.0, 0.99**lazy)
        )
        self.step = 0
        self.images_seen = 0
        self.seconds = 0.0
        self.strength = 0.0
        self.signs: list[float] = []
        self.curve: list[dict[str, float]] = []

    def advance(self) -> dict[str, float]:
        """One step of both networks; returns losses and scores by name."""
        began = time.perf_counter()
        stage, within = self.recipe.stage_at(self.step)
        stream = np.random.RandomState([self.recipe.seed, self.step])
        torch.manual_seed(int(stream.randint(2**31)))
        joining = min(1.0, (within * stage.batch + stage.batch) / max(1, stage.joining))
        found = self._teach_discriminator(stage, stream, joining)
        found |= self._teach_generator(stage, stream, joining)
        self._average(stage.batch)
        self.step += 1
        self.images_seen += stage.batch
        if self.step % AUGMENT_EVERY == 0:
            mean_sign = sum(self.signs) / len(self.signs)
            self.strength = followed(self.strength, mean_sign, AUGMENT_EVERY * stage.batch)
            self.signs = []
        self.seconds += time.perf_counter() - began
        return found | {"strength": self.strength}

    def _teach_discriminator(
        self, stage: GrowthStage, stream: np.random.RandomState, joining: float
    ) -> dict[str, float]:
        real = self._photographs(stage, stream, joining)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            fake = self._made(stage, stream, joining)
        real, fake = augmented(real, self.strength), augmented(fake.float(), self.strength)
        with torch.autocast("cpu", torch.bfloat16):
            on_real, on_fake = self._scores(real, joining), self._scores(fake, joining)
        loss = F.softplus(on_fake.float()).mean() + F.softplus(-on_real.float()).mean()
        penalty = torch.zeros(())
        if self.step % R1_EVERY == 0:
            penalty = self._r1(real.detach(), stage, joining)
        self.discriminator_optimizer.zero_grad(set_to_none=True)
        (loss + penalty).backward()
        self.discriminator_optimizer.step()
        self.signs.append(float(on_real.detach().sign().float().mean()))
        return {
            "discriminator": float(loss.detach()),
            "real": float(on_real.detach().float().mean()),
            "fake": float(on_fake.detach().float().mean()),
        }

    def _r1(self, real: Tensor, stage: GrowthStage, joining: float) -> Tensor:
        """γ/2 · E‖∇D‖² of photographs, times `R1_EVERY`; float32 throughout."""
        gamma = self.recipe.r1 * stage.resolution**2 / stage.batch
        real = real.requires_grad_(True)
        (gradient,) = torch.autograd.grad(
            self._scores(real, joining).sum(), real, create_graph=True
        )
        return R1_EVERY * gamma / 2 * gradient.square().sum(dim=(1, 2, 3)).mean()

    def _teach_generator(
        self, stage: GrowthStage, stream: np.random.RandomState, joining: float
    ) -> dict[str, float]:
        self.discriminator.requires_grad_(False)
        with torch.autocast("cpu", torch.bfloat16):
            fake = self._made(stage, stream, joining)
            scores = self._scores(augmented(fake.float(), self.strength), joining)
        loss = F.softplus(-scores.float()).mean()
        self.generator_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.generator_optimizer.step()
        self.discriminator.requires_grad_(True)
        return {"generator": float(loss.detach())}

    def _scores(self, images: Tensor, joining: float) -> Tensor:
        laid_out = images.contiguous(memory_format=torch.channels_last)
        return self.discriminator(laid_out, joining)

    def _photographs(
        self, stage: GrowthStage, stream: np.random.RandomState, joining: float
    ) -> Tensor:
        """A batch (B, 3, r, r) in [-1, 1], half of it mirrored."""
        chosen = self.photographs[stream.randint(len(self.photographs), size=stage.batch)]
        mirrored = stream.rand(stage.batch)[:, None, None] < 0.5
        pixels = torch.from_numpy(np.where(mirrored, chosen[:, :, ::-1], chosen))
        images = pixels[:, None].float() / 127.5 - 1
        if (factor := images.shape[-1] // stage.resolution) > 1:
            images = F.avg_pool2d(images, factor)
        return _joined(images, joining).expand(-1, 3, -1, -1)

    def _made(self, stage: GrowthStage, stream: np.random.RandomState, joining: float) -> Tensor:
        z = stream.standard_normal((2, stage.batch, self.recipe.z_dim)).astype(np.float32)
        mixed = stream.rand(stage.batch) < self.recipe.style_mixing
        rows = self.generator.latent_rows
        crossing = np.where(mixed, stream.randint(1, rows, size=stage.batch), rows)
        ws = self.generator.mapping(torch.from_numpy(z.reshape(-1, self.recipe.z_dim)))
        first, second = ws.unflatten(0, (2, stage.batch)).unbind(0)
        own = torch.arange(rows)[None, :] < torch.from_numpy(crossing)[:, None]
        latent = torch.where(own[:, :, None], first[:, None], second[:, None])
        return _joined(image_at(self.generator, latent, stage.resolution), joining)

    @torch.no_grad()
    def _average(self, batch: int) -> None:
        half_life = min(self.recipe.ema_images, 0.05 * (self.images_seen + batch))
        decay = 0.5 ** (batch / max(half_life, 1e-8))
        torch._foreach_lerp_(
            list(self.average.parameters()), list(self.generator.parameters()), 1 - decay
        )

    def state(self) -> dict[str, Any]:
        """All that `load_state` needs to go on."""
        return {
            "recipe": self.recipe.model_dump(mode="json"),
            "step": self.step,
            "images_seen": self.images_seen,
            "seconds": self.seconds,
            "strength": self.strength,
            "signs": self.signs,
            "curve": self.curve,
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "generator_optimizer": self.generator_optimizer.state_dict(),
            "discriminator_optimizer": self.discriminator_optimizer.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a `state`.

        Stages that it had not begun may be others. Raises `ParameterError` for the state of
        another recipe.
        """
        mine, other = self.recipe.model_dump(mode="json"), state["recipe"]
        begun = _stages_begun(AdversarialRecipe.model_validate(other), state["step"])
        for facts in (mine, other):
            facts["stages"] = facts["stages"][:begun]
        if mine != other:
            raise ParameterError("a checkpoint of another recipe; remove it to start anew")
        for name in ("step", "images_seen", "seconds", "strength", "signs", "curve"):
            setattr(self, name, state[name])
        for name in ("generator", "average", "discriminator"):
            getattr(self, name).load_state_dict(state[name])
        self.generator_optimizer.load_state_dict(state["generator_optimizer"])
        self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])

    def finished(self) -> StyleGAN2:
        """The averaged generator at the resolution trained so far, with its mean w."""
        stage, _ = self.recipe.stage_at(max(self.step - 1, 0))
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


def _stages_begun(recipe: AdversarialRecipe, step: int) -> int:
    begun, left = 0, step
    while left > 0 and begun < len(recipe.stages):
        left -= -(-recipe.stages[begun].images // recipe.stages[begun].batch)
        begun += 1
    return begun
