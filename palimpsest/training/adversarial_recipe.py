"""Recipe of an adversarial training run: resolutions, widths, rates and penalties."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from palimpsest.settings import Count, Rate, Seed, Settings
from palimpsest.training.recipe import StagedRecipe

Share = Annotated[float, Field(ge=0, le=1)]


class GrowthStage(Settings):
    """Training at one resolution on ``images`` photographs, ``batch`` at a time.

    The blocks of a new resolution are mixed in over its first ``joining`` images. ``r1`` and
    ``rate``: as in the recipe, for this stage. ``generator_rate``: the generator's rate if it is
    not that of the discriminator, ``rate`` (Heusel et al. 2017). ``noise_anew``: the strengths of
    the noise inputs start again at 0.
    """

    resolution: Count
    images: Count
    batch: Count
    joining: int = Field(default=0, ge=0)
    r1: float | None = Field(default=None, ge=0)
    rate: Rate | None = None
    generator_rate: Rate | None = None
    noise_anew: bool = False

    @property
    def steps(self) -> int:
        return -(-self.images // self.batch)


class AdversarialRecipe(StagedRecipe[GrowthStage]):
    """Everything an adversarial training run depends on.

    ``channels``: width at each resolution. ``r1``: γ is ``r1`` · resolution² / batch (Karras et
    al. 2020 start from 0.0002). ``ema_images``: half-life of the averaged weights, in images.
    ``style_mixing``: share of images whose layers take their style from two z.
    """

    z_dim: Count = 128
    style_dim: Count = 128
    mapping_layers: Count = 4
    rate: Rate = 2e-3
    r1: float = Field(default=2e-4, ge=0)
    ema_images: Count = 10_000
    style_mixing: Share = 0.5
    seed: Seed = 0

    def rates(self, stage: GrowthStage) -> tuple[float, float]:
        """The rates of the generator and of the discriminator in a stage."""
        rate = self.rate if stage.rate is None else stage.rate
        return rate if stage.generator_rate is None else stage.generator_rate, rate

    def gamma(self, stage: GrowthStage) -> float:
        """The weight γ of the R1 penalty in a stage."""
        r1 = self.r1 if stage.r1 is None else stage.r1
        return r1 * stage.resolution**2 / stage.batch

    def images_until(self, step: int) -> int:
        """Photographs shown in the steps before ``step``."""
        shown = 0
        for stage in self.stages:
            steps = min(step, stage.steps)
            shown += steps * stage.batch
            step -= steps
        return shown
