"""The truth as judge: an edited image against the world's own picture of the same scene.

    rule = NewRule(get_world("church"), "dome2spire")
    answer = rule.answer(z, resolution=128)
    answer.errors(distance, images)         # (B,), NaN where the rule leaves the scene as it is
    answer = answer.seen_by(distance)       # the same, for images that many edits made of one z

A mini generator learned G(z) → render(scene(z)), so the scene of each of its images is known: it is
the world's reading of the same z. Where the generator drew another scene than z says (how often,
its grades tell), the answer judges it by what it should have drawn. The paper has no such judge:
of a photograph nobody knows how it would look with another rule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.pictures import as_input
from palimpsest.instruments.distances.perceptual import Looked, PerceptualDistance
from palimpsest.worlds import get_world
from palimpsest.worlds.scene import World


@dataclass(frozen=True)
class Answer:
    """What the world says of a batch: ``changed`` (B,) bool, and of the C changed scenes renders.

    ``before``, ``after`` (C, 3, H, W) in [-1, 1]: as the scenes are, and as the new rule has them.
    Renders, and images that are held against them, may be what the distance saw in them (`Looked`).
    """

    changed: Tensor
    before: Tensor | Looked
    after: Tensor | Looked

    def seen_by(self, distance: PerceptualDistance) -> Answer:
        """The same answer, for this distance only, its renders looked at once for all."""
        if not isinstance(self.before, Tensor) or not isinstance(self.after, Tensor):
            return self
        if not len(self.before):  # a network takes no empty batch
            return self
        with torch.no_grad():
            before, after = distance.look(self.before), distance.look(self.after)
        return replace(self, before=before, after=after)

    def errors(self, distance: PerceptualDistance, images: Tensor | Looked) -> Tensor:
        """Distance (B,) of ``images`` (B, 3, H, W) to the scenes under the new rule; NaN for the
        scenes that it does not change."""
        return self._apart(distance, images, self.after)

    def own_errors(self, distance: PerceptualDistance, images: Tensor | Looked) -> Tensor:
        """The same to the scenes as they are: of unedited images, what the generator cannot draw
        even without an edit."""
        return self._apart(distance, images, self.before)

    @torch.no_grad()
    def _apart(
        self, distance: PerceptualDistance, images: Tensor | Looked, renders: Tensor | Looked
    ) -> Tensor:
        found = torch.full((len(images),), torch.nan)
        if len(renders):
            found[self.changed] = distance(images[self.changed], renders).cpu()
        return found


@dataclass(frozen=True)
class NewRule:
    """One of a world's counterfactual rules, by name. Raises `ParameterError` for another."""

    world: World
    name: str

    def __post_init__(self) -> None:
        if self.name not in self.world.counterfactuals:
            known = ", ".join(self.world.counterfactuals)
            raise ParameterError(
                f"the {self.world.name} world has no rule {self.name!r}; it has: {known}"
            )

    def answer(self, z: Tensor, resolution: int) -> Answer:
        """Renders of the scenes that ``z`` (B, z_dim) stands for, where the rule changes them."""
        scene = self.world.scene(z.cpu().numpy())
        after, changed = self.world.under_rule(self.name, scene)
        pictures = [
            as_input(self.world.render(some[changed], resolution).images) for some in (scene, after)
        ]
        return Answer(torch.from_numpy(changed), *pictures)

    def renders(self, z: np.ndarray, resolution: int) -> Tensor:
        """Every scene of ``z`` (B, z_dim) under the new rule, (B, 3, H, W) in [-1, 1]."""
        scene, _ = self.world.under_rule(self.name, self.world.scene(z))
        return as_input(self.world.render(scene, resolution).images)


def rule_called(name: str, world: str) -> NewRule | None:
    """The rule of that name in the world of that name; None for no world, or one without it.

    Raises `WorldError` for a world that is not known.
    """
    if not world:
        return None
    known = get_world(world)
    return NewRule(known, name) if name in known.counterfactuals else None
