"""Which units of a layer make a thing: set them where it is not, and see whether it comes.

    on = dissect(g, 4, segmenter).on[:, segmenter.index("window")]
    made_by = causal_units(g, 4, segmenter, world, "window", on)
    made_by.top(20)                     # the 20 that make windows, strongest first

A unit that is lit where a thing is seen may only accompany it. So, as GAN Dissection does (Bau et
al., ICLR 2019, section 3.2), every unit u gets a strength α_u in [0, 1], and in places without the
thing its value becomes (1 - α_u) v_u + α_u on_u, where on_u is its mean value where the thing is
seen. The strengths are those that make the thing appear with little else:

    α = argmin  -E[ p(thing | image after the change) ] + penalty · ‖α‖².
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from palimpsest.dissection.slot_interventions import slot_masks, slot_share, with_flag
from palimpsest.errors import ParameterError
from palimpsest.generators import Generator, sample_z
from palimpsest.instruments.segmenters.world_segmenter import WorldSegmenter
from palimpsest.training.interchange import slot_cells
from palimpsest.worlds.scene import World

PENALTY = 0.002
STEPS = 40
BATCH = 8
RATE = 0.05
START = 0.5


@dataclass(frozen=True)
class CausalUnits:
    """``strength`` (units,) in [0, 1], α above; ``on`` (units,), what a unit is set to."""

    strength: Tensor
    on: Tensor

    def top(self, count: int) -> list[int]:
        """The ``count`` units of the greatest strength, strongest first."""
        return self.strength.argsort(descending=True, stable=True)[:count].tolist()


def causal_units(
    g: Generator,
    layer: int,
    segmenter: WorldSegmenter,
    world: World,
    name: str,
    on: Tensor,
    samples: int = 96,
    seed: int = 7,
    penalty: float = PENALTY,
    progress: Callable[[int], None] | None = None,
) -> CausalUnits:
    """Strengths of the units of ``layer`` for the class ``name`` in the slots of ``world``.

    ``on`` (units,): see above (`dissection.Dissection.on`). Learned on the first ``samples``
    standard samples of ``seed``, each with one of its slots empty, by `STEPS` steps of Adam;
    ``progress`` is told of each. The same arguments give the same strengths.

    Raises `ParameterError` for a world without slots, or values of ``on`` that are not finite
    (a class that was never seen).
    """
    if not world.slots:
        raise ParameterError(f"the {world.name} world has no slots to put a {name} in")
    if not on.isfinite().all():
        raise ParameterError(f"no place was seen to be {name}, so its units cannot be set to it")
    number = segmenter.index(name)
    opened = g.layer(layer)
    boxes = slot_cells(world, opened.value_size)
    slots = torch.arange(samples) % len(boxes)
    z = with_flag(world, sample_z(g, samples, seed), slots, there=False)
    places = slot_masks(boxes, opened.value_size)[slots, None]  # (samples, 1, h, w)
    on, places = on.to(g.device), places.to(g.device)
    strength = torch.full_like(on, START).requires_grad_(True)
    adam = torch.optim.Adam([strength], lr=RATE)
    order = torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        picked = torch.randperm(samples, generator=order)[:BATCH]
        with torch.no_grad():
            values = opened.values(opened.keys(z[picked]))
        share = places[picked] * strength[:, None, None]
        changed = values.replace(values.v + share * (on[:, None, None] - values.v))
        scores = segmenter.logits(opened.render(changed)).softmax(1)[:, number]
        shown = slot_share(scores, slots[picked], world).mean()
        loss = penalty * strength.square().sum() - shown
        adam.zero_grad()
        loss.backward()
        adam.step()
        with torch.no_grad():
            strength.clamp_(0, 1)
        if progress is not None:
            progress(1)
    return CausalUnits(strength.detach().cpu(), on.cpu())
