"""Units of a layer that cause an attribute of the image, and a switch that sets them in a region.

    switch = find_attribute_switch(g, 5, classifier, region, units=16, samples=400, seed=6)
    values = switch.set(values, on=True)          # the units at their level where it is seen

A unit whose mean differs between images with and without the attribute may only be correlated with
it. So units are ranked by their effect on the classifier's score s when they are set to the level
of the other kind of image, to first order (the gradient times the change, summed over the region):

    effect_u = E[ Σ_cells region · (on_u - v_u) · ∂s/∂v_u ]   over samples without the attribute
             - E[ Σ_cells region · (off_u - v_u) · ∂s/∂v_u ]  over samples with it.

That is the intervention of GAN Dissection (Bau et al., ICLR 2019) for all units at the cost of one
backward pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.dissection.unit_switches import Switch
from palimpsest.errors import ParameterError
from palimpsest.generators import Generator, ValueState, sample_z
from palimpsest.instruments.classifiers.attribute_classifier import AttributeClassifier

BATCH = 32


@dataclass(frozen=True)
class AttributeSwitch:
    """``switch``: units and their levels with and without the attribute; ``region`` (h, w) in
    [0, 1]: share of each cell in which they are set."""

    switch: Switch
    region: Tensor

    def set(self, values: ValueState, on: bool, strength: float = 1.0) -> ValueState:
        """``values`` of the layer with the units set in the region.

        ``strength``: 1 for the level itself; above 1, beyond it by the same share of the difference
        between the two levels.
        """
        units = list(self.switch.units)
        near, far = self.switch.off, self.switch.on
        if not on:
            near, far = far, near
        levels = (near + strength * (far - near)).to(values.v)[:, None, None]
        share = self.region.to(values.v)
        v = values.v.clone()
        v[:, units] = v[:, units] + share * (levels - v[:, units])
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

    ``region`` (R, R) in [0, 1]: where the units are set, in pixels. Levels and effects are measured
    on ``samples`` standard samples of ``seed``.

    Raises `ParameterError` if all of these samples show the attribute, or none does, and for a
    region without a pixel.
    """
    opened = g.layer(layer)
    side = opened.value_size
    cells = F.adaptive_avg_pool2d(region[None, None].float(), side)[0, 0]
    if not cells.sum() > 0:
        raise ParameterError(f"layer {layer}: the region in which units are set has no pixel")
    means, gradients, shown = [], [], []
    for z in sample_z(g, samples, seed).split(BATCH):
        with torch.no_grad():
            values = opened.values(opened.keys(z.to(g.device)))
        v = values.v.detach().requires_grad_(True)
        score = classifier.scores(opened.render(values.replace(v)))
        (gradient,) = torch.autograd.grad(score.sum(), v)
        weight = cells.to(v)
        v = v.detach()
        means.append((v * weight).sum((2, 3)) / weight.sum())
        # Σ region · ∂s/∂v and Σ region · v · ∂s/∂v: the effect is linear in the level
        gradients.append(
            torch.stack([(gradient * weight).sum((2, 3)), (gradient * v * weight).sum((2, 3))])
        )
        shown.append(score.detach() >= 0)
    mean, gradient = torch.cat(means).cpu(), torch.cat(gradients, 1).cpu()
    has = torch.cat(shown).cpu()
    if has.all() or not has.any():
        raise ParameterError(
            f"layer {layer}: {int(has.sum())} of {samples} samples show {classifier.attribute}; "
            "levels with and without it need samples of either kind"
        )
    on, off = mean[has].mean(0), mean[~has].mean(0)
    effect = (on * gradient[0, ~has] - gradient[1, ~has]).mean(0)
    effect = effect - (off * gradient[0, has] - gradient[1, has]).mean(0)
    top = effect.argsort(descending=True, stable=True)[:units].tolist()
    return AttributeSwitch(Switch(layer, tuple(top), on[top], off[top]), cells)
