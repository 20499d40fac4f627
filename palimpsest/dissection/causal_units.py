"""Units of a layer that cause a class, found by setting them where the class is absent.

    on = dissect(g, 4, segmenter).on[:, segmenter.index("window")]
    made_by = causal_units(g, 4, segmenter, world, "window", on)
    made_by.top(20)                     # the 20 units with the largest effect, strongest first

A unit that is active where a class is seen may only be correlated with it. As in GAN Dissection
(Bau et al., ICLR 2019, section 3.2), each unit u has a strength α_u in [0, 1]. At locations without
the class its value becomes (1 - α_u) v_u + α_u on_u, where on_u is its mean value where the class
is seen. The strengths are optimized to make the class appear with few units:

    α = argmin  -E[ p(class | image after the intervention) ] + penalty · ‖α‖².
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from palimpsest.dissection.slot_interventions import slot_masks, slot_share, with_flag
from palimpsest.errors import ParameterError
from palimpsest.generators import Generator, sample_z
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.training.interchange import slot_cells
from palimpsest.worlds.scene import World

PENALTY = 0.002
STEPS = 40
BATCH = 8
RATE = 0.05
START = 0.5


@dataclass(frozen=True)
class CausalUnits:
    """``strength`` (units,) in [0, 1]: α above; ``on`` (units,): value that a unit is set to."""

    strength: Tensor
    on: Tensor

    def top(self, count: int) -> list[int]:
        """The ``count`` units of the largest strength, strongest first."""
        return self.strength.argsort(descending=True, stable=True)[:count].tolist()


def causal_units(
    g: Generator,
    layer: int,
    segmenter: Segmenter,
    world: World,
    name: str,
    on: Tensor,
    samples: int = 96,
    seed: int = 7,
    penalty: float = PENALTY,
    progress: Callable[[int], None] | None = None,
) -> CausalUnits:
    """Strengths of the units of ``layer`` for the class ``name`` in the slots of ``world``.

    ``on`` (units,): see above (`unit_classes.Dissection.on`). Optimized on the first ``samples``
    standard samples of ``seed``, each with one empty slot, by `STEPS` steps of Adam; ``progress``
    is called with 1 after each step. The same arguments give the same strengths.

    Raises `ParameterError` for a world without slots, a segmenter without logits, an unknown class,
    or values of ``on`` that are not finite (a class that was never seen).
    """
    if not world.slots:
        raise ParameterError(f"the {world.name} world has no slots to put a {name} in")
    if not on.isfinite().all():
        raise ParameterError(
            f"no place was seen to be {name}, so the values of its units are unknown"
        )
    segmenter.check_logits()
    number = segmenter.index(name)
    opened = g.layer(layer)
    boxes = slot_cells(world, opened.value_size)
    slots = torch.arange(samples) % len(boxes)
    z = with_flag(world, sample_z(g, samples, seed), slots, there=False)
    places = slot_masks(boxes, opened.value_size)[slots]

    def shown(images: Tensor, picked: Tensor) -> Tensor:
        scores = segmenter.logits(images).softmax(1)[:, number]
        return slot_share(scores, slots[picked], world).mean()

    return causal_units_at(g, layer, z, places, on, shown, seed, penalty, STEPS, progress)


def causal_units_at(
    g: Generator,
    layer: int,
    z: Tensor,
    places: Tensor,
    on: Tensor,
    shown: Callable[[Tensor, Tensor], Tensor],
    seed: int,
    penalty: float = PENALTY,
    steps: int = STEPS,
    progress: Callable[[int], None] | None = None,
) -> CausalUnits:
    """Strengths of the units of ``layer`` that make a class appear at given ``places``.

    Args:
        z: samples (n, z_dim); ``places`` (n, h, w) in [0, 1]: where units of each are set.
        on: see `causal_units`.
        shown: differentiable: images (B, 3, R, R) and their rows (B,) of ``z`` to the probability
            of the class at their places, a mean over the images.
        seed: of the order of the samples.
    """
    opened = g.layer(layer)
    on, places = on.to(g.device), places[:, None].to(g.device)  # places (n, 1, h, w)
    strength = torch.full_like(on, START).requires_grad_(True)
    adam = torch.optim.Adam([strength], lr=RATE)
    order = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        picked = torch.randperm(len(z), generator=order)[:BATCH]
        with torch.no_grad():
            values = opened.values(opened.keys(z[picked]))
        share = places[picked] * strength[:, None, None]
        changed = values.replace(values.v + share * (on[:, None, None] - values.v))
        loss = penalty * strength.square().sum() - shown(opened.render(changed), picked)
        adam.zero_grad()
        loss.backward()
        adam.step()
        with torch.no_grad():
            strength.clamp_(0, 1)
        if progress is not None:
            progress(1)
    return CausalUnits(strength.detach().cpu(), on.cpu())
