"""Units of a layer that cause an attribute of the image, and a switch for them.

    switch = find_attribute_switch(g, 5, classifier, region, units=16, samples=400, seed=6)
    values = switch.set(values, on=True)          # as they are where the attribute is seen

The images are aligned, so a unit has a level of its own in each cell: its mean over the samples
with the attribute (on) and over those without (off). Switching moves a unit by the difference of
the two in the cells of a region, which keeps what is particular to the image.

A unit whose levels differ may only be correlated with the attribute. So units are ranked by the
effect of the switch on the classifier's score s, to first order::

    effect_u = E[ Σ_cells region · (on_u - off_u) · ∂s/∂v_u ]

which is the intervention of GAN Dissection (Bau et al., ICLR 2019) for all units at the cost of one
backward pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators import Generator, ValueState, sample_z
from palimpsest.instruments.classifiers.attribute_classifier import AttributeClassifier

BATCH = 32


@dataclass(frozen=True)
class AttributeSwitch:
    """``units`` of ``layer``, and ``difference`` (units, h, w): their level with the attribute
    minus that without, times the share of each cell in the region."""

    layer: int
    units: tuple[int, ...]
    difference: Tensor

    def set(self, values: ValueState, on: bool, strength: float = 1.0) -> ValueState:
        """``values`` of the layer with the units switched on or off; ``strength``: how many times
        the difference."""
        v = values.v.clone()
        moved = (strength if on else -strength) * self.difference.to(v)
        v[:, list(self.units)] += moved
        return values.replace(v)


def find_attribute_switch(
    g: Generator,
    layer: int,
    classifier: AttributeClassifier,
    region: Tensor,
    *,
    units: int,
    samples: int,
    seed: int,
) -> AttributeSwitch:
    """A switch of the ``units`` of ``layer`` with the largest effect (see the module).

    ``region`` (R, R) in [0, 1]: where the units are switched, in pixels. Levels and effects are
    measured on ``samples`` standard samples of ``seed``.

    Raises `ParameterError` if all of these samples show the attribute, or none does, and for a
    region without a pixel.
    """
    opened = g.layer(layer)
    side = opened.value_size
    cells = F.adaptive_avg_pool2d(region[None, None].float(), side)[0, 0]
    if not cells.sum() > 0:
        raise ParameterError(f"layer {layer}: the region in which units are set has no pixel")
    sums, counts, gradient = [0.0, 0.0], [0, 0], 0.0
    for z in sample_z(g, samples, seed).split(BATCH):
        with torch.no_grad():
            values = opened.values(opened.keys(z.to(g.device)))
        v = values.v.detach().requires_grad_(True)
        score = classifier.scores(opened.render(values.replace(v)))
        gradient = gradient + torch.autograd.grad(score.sum(), v)[0].sum(0).cpu()
        has = (score.detach() >= 0).cpu()
        for shown in (False, True):
            of_kind = v.detach().cpu()[has == shown]
            sums[shown] = sums[shown] + of_kind.sum(0)
            counts[shown] += len(of_kind)
    if not all(counts):
        raise ParameterError(
            f"layer {layer}: {counts[True]} of {samples} samples show {classifier.attribute}; "
            "levels with and without it need samples of either kind"
        )
    difference = (sums[True] / counts[True] - sums[False] / counts[False]) * cells
    effect = (difference * gradient).sum((1, 2)) / samples
    top = effect.argsort(descending=True, stable=True)[:units].tolist()
    return AttributeSwitch(layer, tuple(top), difference[top])
