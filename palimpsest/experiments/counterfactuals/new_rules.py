"""Counterfactual scenes: an edited image compared with the world's render of the new rule.

    rule = NewRule(get_world("church"), "dome2spire")
    scenes = rule.counterfactual(z, resolution=128)
    scenes.errors(distance, images)         # (B,), NaN where the rule leaves the scene as it is
    scenes = scenes.seen_by(distance)       # caches the features of the renders for many edits

A mini generator learned G(z) → render(scene(z)), so the scene of each of its images is known: it is
the world's reading of the same z. Where the generator drew another scene than that of z (the
generator's grades say how often), its image is compared with the scene that it should have drawn.
The paper has no such measure, because the counterfactual of a photograph is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.pictures import as_input
from palimpsest.instruments.distances.perceptual import PerceptualDistance, PreparedImages
from palimpsest.worlds import get_world
from palimpsest.worlds.scene import World


@dataclass(frozen=True)
class Counterfactual:
    """A batch of B scenes: which of them a rule changes, and the world's renders of those C scenes.

    ``changed`` (B,) bool; ``before``, ``after`` (C, 3, H, W) in [-1, 1]: the changed scenes as they
    are and under the new rule. Renders, and the images compared with them, may also be given as
    the distance's `PreparedImages`.
    """

    changed: Tensor
    before: Tensor | PreparedImages
    after: Tensor | PreparedImages

    def seen_by(self, distance: PerceptualDistance) -> Counterfactual:
        """The same scenes with the features of their renders cached; for this distance only."""
        if not isinstance(self.before, Tensor) or not isinstance(self.after, Tensor):
            return self
        if not len(self.before):  # a network takes no empty batch
            return self
        with torch.no_grad():
            before, after = distance.prepare(self.before), distance.prepare(self.after)
        return replace(self, before=before, after=after)

    def errors(self, distance: PerceptualDistance, images: Tensor | PreparedImages) -> Tensor:
        """Distance (B,) of ``images`` (B, 3, H, W) to the scenes under the new rule; NaN for
        scenes that the rule does not change."""
        return self._apart(distance, images, self.after)

    def own_errors(self, distance: PerceptualDistance, images: Tensor | PreparedImages) -> Tensor:
        """Distance (B,) of ``images`` to the scenes as they are; for unedited images this is the
        generator's own error."""
        return self._apart(distance, images, self.before)

    @torch.no_grad()
    def _apart(
        self,
        distance: PerceptualDistance,
        images: Tensor | PreparedImages,
        renders: Tensor | PreparedImages,
    ) -> Tensor:
        found = torch.full((len(images),), torch.nan)
        if len(renders):
            found[self.changed] = distance(images[self.changed], renders).cpu()
        return found


@dataclass(frozen=True)
class NewRule:
    """A counterfactual rule of a world, by name. Raises `ParameterError` for an unknown one."""

    world: World
    name: str

    def __post_init__(self) -> None:
        if self.name not in self.world.counterfactuals:
            known = ", ".join(self.world.counterfactuals)
            raise ParameterError(
                f"the {self.world.name} world has no rule {self.name!r}; it has: {known}"
            )

    def counterfactual(self, z: Tensor, resolution: int) -> Counterfactual:
        """Renders of the scenes of ``z`` (B, z_dim) that the rule changes, before and after."""
        scene = self.world.scene(z.cpu().numpy())
        after, changed = self.world.under_rule(self.name, scene)
        pictures = [
            as_input(self.world.render(some[changed], resolution).images) for some in (scene, after)
        ]
        return Counterfactual(torch.from_numpy(changed), *pictures)

    def renders(self, z: np.ndarray, resolution: int) -> Tensor:
        """Every scene of ``z`` (B, z_dim) under the new rule, (B, 3, H, W) in [-1, 1]."""
        scene, _ = self.world.under_rule(self.name, self.world.scene(z))
        return as_input(self.world.render(scene, resolution).images)


def rule_called(name: str, world: str) -> NewRule | None:
    """The world's rule of that name; None if ``world`` is empty or has no such rule.

    Raises `WorldError` for an unknown world.
    """
    if not world:
        return None
    known = get_world(world)
    return NewRule(known, name) if name in known.counterfactuals else None
