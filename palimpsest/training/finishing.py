"""The adversarial finish of a distilled mini generator: what reconstruction alone leaves soft.

    finishing = Finishing(world, recipe, distilled)     # recipe.finish says how
    train_with_progress(finishing, Path("church-finish.checkpoint.pt"))
    finishing.finished()

Distillation averages over what the network cannot yet tell apart, so edges come out soft and small
things pale. Here a discriminator compares the renders of a batch of scenes with the generated
images of the same z. The generator's loss is

    reconstruction · distillation loss + adversarial · softplus(-D(G(z)))

with the weight of the first falling and that of the second rising at the start. Non-saturating loss
(Goodfellow et al. 2014), lazy R1 penalty (`adversarial`). Renders are never used twice, so nothing
is augmented. The image of a z stays a function of z: noise inputs stay off.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.errors import ParameterError, WorldError
from palimpsest.generators.base import Generator
from palimpsest.training.adversarial import LAZY, R1_INTERVAL
from palimpsest.training.discriminator import Discriminator
from palimpsest.training.distillation import (
    Batch,
    RenderedSteps,
    class_weight_table,
    distillation_loss,
    render_targets,
    with_mean_latent,
)
from palimpsest.training.growing import grow
from palimpsest.training.recipe import Recipe, Stage, recipe_facts
from palimpsest.training.resumable import Losses, ResumableTraining
from palimpsest.worlds.scene import World

BETAS = (0.0, 0.99)


class Finishing(ResumableTraining):
    """The finish of one distilled generator.

    ``student`` is trained, ``average`` is its exponential moving average, ``discriminator`` the
    judge of both.

    Raises `WorldError` for a recipe without a finish, and `ParameterError` for weights that are not
    those of the recipe's network.
    """

    def __init__(self, world: World, recipe: Recipe, distilled: Generator) -> None:
        if recipe.finish is None:
            raise WorldError(f"the recipe of {world.name} has no finish")
        self.world, self.recipe, self.finish = world, recipe, recipe.finish
        self.resolution = recipe.stages[-1].resolution
        self.student, self.average = grow(world, recipe), grow(world, recipe)
        for network in (self.student, self.average):
            _take_over(network.network, distilled)
        self.average.requires_grad_(False)
        torch.manual_seed(recipe.seed)
        widths = self.finish.discriminator or recipe.channels
        self.discriminator = Discriminator(widths).to(memory_format=torch.channels_last)
        groups = [
            {"params": group["params"], "lr": self.finish.rate * group["factor"]}
            for group in self.student.parameter_groups()
        ]
        self.optimizer = torch.optim.Adam(groups, betas=BETAS)
        self.discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(),
            lr=self.finish.discriminator_rate * LAZY,
            betas=(BETAS[0], BETAS[1] ** LAZY),
        )
        self.class_weights = class_weight_table(world, recipe, self.finish.class_weights)
        stage = Stage(resolution=self.resolution, steps=self.finish.steps, batch=self.finish.batch)
        # another stream than that of the distillation, whose scenes it has seen
        drawn = recipe.model_copy(
            update={"stages": (stage,), "seed": recipe.seed + 1, "finish": None}
        )
        super().__init__(
            self.finish.steps,
            {"world": world.name, **recipe_facts(recipe)},
            RenderedSteps(world, drawn),
            {
                "student": self.student,
                "average": self.average,
                "discriminator": self.discriminator,
                "optimizer": self.optimizer,
                "discriminator_optimizer": self.discriminator_optimizer,
            },
        )

    def about(self, step: int) -> dict[str, int]:
        return {"images": (step + 1) * self.finish.batch}

    def update(self, batch: Batch) -> Losses:
        """One step of Adam on the discriminator, one on the generator, then its average."""
        weights = self.class_weights[batch.labels.long()][:, None]
        wanted, weights = render_targets(batch.images, weights, self.resolution)
        with torch.autocast("cpu", torch.bfloat16):
            made = self.student.image_at(batch.z, self.resolution)
        made = made.float()
        found = self._update_discriminator(wanted, made.detach())
        found |= self._update_student(wanted, made, weights)
        # a young average follows quickly, otherwise it would keep the start for long
        decay = min(self.finish.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(
            list(self.average.parameters()), list(self.student.parameters()), 1 - decay
        )
        return found

    def _update_discriminator(self, real: Tensor, fake: Tensor) -> dict[str, float]:
        with torch.autocast("cpu", torch.bfloat16):
            on_real, on_fake = self._scores(real), self._scores(fake)
        loss = F.softplus(on_fake.float()).mean() + F.softplus(-on_real.float()).mean()
        total = loss
        if self.step % R1_INTERVAL == 0:
            gamma = self.finish.gamma(self.resolution)
            total = loss + R1_INTERVAL * gamma / 2 * self._steepness(real)
        self.discriminator_optimizer.zero_grad(set_to_none=True)
        total.backward()
        self.discriminator_optimizer.step()
        return {
            "discriminator": float(loss.detach()),
            "real": float(on_real.detach().float().mean()),
            "fake": float(on_fake.detach().float().mean()),
        }

    def _steepness(self, real: Tensor) -> Tensor:
        """E‖∇D‖² at the renders; float32 throughout."""
        real = real.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(self._scores(real).sum(), real, create_graph=True)
        return gradient.square().sum(dim=(1, 2, 3)).mean()

    def _update_student(self, wanted: Tensor, made: Tensor, weights: Tensor) -> dict[str, float]:
        finish = self.finish
        self.discriminator.requires_grad_(False)
        with torch.autocast("cpu", torch.bfloat16):
            scores = self._scores(made)
        adversarial = F.softplus(-scores.float()).mean()
        apart = distillation_loss(made, wanted, weights)
        share = min(1.0, (self.step + 1) / max(1, finish.joining))
        loss = finish.reconstruction_at(self.step) * apart + share * adversarial
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.discriminator.requires_grad_(True)
        return {"generator": float(adversarial.detach()), "loss": float(apart.detach())}

    def _scores(self, images: Tensor) -> Tensor:
        return self.discriminator(images.contiguous(memory_format=torch.channels_last))

    def finished(self) -> Generator:
        """The averaged generator, with its mean latent."""
        return with_mean_latent(self.average.finished(self.resolution), self.recipe.seed)


def _take_over(network: Generator, distilled: Generator) -> None:
    """Fill ``network`` with the weights of ``distilled``."""
    try:
        network.load_state_dict(distilled.state_dict())
    except RuntimeError:
        raise ParameterError(
            "the distilled weights are not those of the recipe's network; train it anew"
        ) from None
