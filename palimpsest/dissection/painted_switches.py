"""A switch for painted windows: the units that match windows best, set within painted masks.

    switch = find_painted_switch(g, 4, parser, "window", units=20, dissected=1000)
    on, off = painted_pairs(switch, g, z, windows)       # windows (B, 8, 8), one mask per sample

As in the paper's code (section 5.3), dissection selects the units, which needs no world, and all
units are set to one level, on or off. Levels are levels of the layer's features, after bias and
ReLU, and a soft mask blends features; the result is converted back to values. Only a Progressive
GAN's features can be converted to values.
"""

from __future__ import annotations

import torch
from torch import Tensor

from palimpsest.dissection.unit_classes import dissect
from palimpsest.dissection.unit_switches import Switch
from palimpsest.errors import ParameterError
from palimpsest.generators import Generator, ValueState
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.instruments.segmenters.base import Segmenter


def find_painted_switch(
    g: Generator,
    layer: int,
    segmenter: Segmenter,
    name: str,
    units: int = 20,
    seed: int = 5,
    *,
    on_level: float = 10.0,
    off_level: float = -5.0,
    dissected: int = 1000,
) -> Switch:
    """A switch of the ``units`` with the highest IoU with the class ``name``, best first.

    ``dissected``: samples of ``seed`` that are dissected. The levels of the switch are levels of
    features (see above). Raises `ParameterError` for a name that the segmenter does not have, or
    does not see in any sample.
    """
    found = dissect(g, layer, segmenter, dissected, seed, names=[name])
    if not (found.iou > 0).any():
        raise ParameterError(
            f"{segmenter.name} sees no {name!r} where a unit is on, in {dissected} samples, so no "
            "unit matches it; dissect more samples, or choose another class"
        )
    top = tuple(found.top_units(name, units))
    levels = (torch.full((len(top),), float(level)) for level in (on_level, off_level))
    return Switch(layer, top, *levels)


@torch.no_grad()
def painted_pairs(
    switch: Switch, g: Generator, z: Tensor, windows: Tensor
) -> tuple[ValueState, ValueState]:
    """Values of the layer for ``z`` (B, z_dim) with the units' features on, and with them off.

    ``windows`` (B, H', W') in [0, 1]: weight of the switch in each cell. Raises `ParameterError`
    for a generator other than a Progressive GAN, and for masks of another shape.
    """
    if not isinstance(g, ProgressiveGAN):
        raise ParameterError("painted windows can be switched in a Progressive GAN only")
    layer = g.layer(switch.layer)
    values = layer.values(layer.keys(z))
    wanted = (len(z), *values.v.shape[2:])
    if windows.shape != wanted:
        raise ParameterError(f"windows of shape {tuple(windows.shape)}; they must be {wanted}")
    units, share = list(switch.units), windows[:, None].to(values.v)
    natural = g.features(values)
    halves = []
    for levels in (switch.on.to(share), switch.off.to(share)):
        features = natural.clone()
        features[:, units] = (1 - share) * natural[:, units] + share * levels[:, None, None]
        v = values.v.clone()
        # outside the masks the values stay exactly equal, without rounding
        there = share > 0
        v[:, units] = torch.where(there, g.values_of(features, switch.layer), values.v)[:, units]
        halves.append(values.replace(v))
    return halves[0], halves[1]
