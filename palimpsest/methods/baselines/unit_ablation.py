"""Unit ablation: remove a thing by silencing the input units most specific to it.

    order = specific_units(keys, weights, stats)            # (N,), most specific first
    edit = ablate_units(g.layer(6), order[:scaled_count(30, stats.units)])
    g2 = edit.apply(g)

The paper's baseline on watermarks (section 5.2, Table 3), after GAN Dissection. A unit is specific
to the painted places if its keys there are among its own highest: by the weighted mean over these
places of -log(1 - q), where q is the quantile of the key among all keys of the unit. Silencing
units is an edit like any other, with one-hot rows D and Λ minus the weights of these units: it is
stored, applied, composed and removed in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators import Layer
from palimpsest.memory import Edit, KeyStatistics, removal, unit_directions, unit_order
from palimpsest.memory.directions import KeyMaps

PAPER_WIDTH = 512
"""Input units of the layers in which the paper silences 30 and 60 units."""


def scaled_count(units: int, width: int) -> int:
    """The number of units that is the same share of ``width`` as ``units`` of 512, at least one.

    Raises `ParameterError` for counts outside 1 to 512, or a layer without units.
    """
    if not 1 <= units <= PAPER_WIDTH or width < 1:
        raise ParameterError(
            f"{units} of {PAPER_WIDTH} units, in a layer of {width}: give 1 to {PAPER_WIDTH} units "
            "and a layer of at least one"
        )
    return max(1, round(units * width / PAPER_WIDTH))


def specific_units(keys: KeyMaps, weights: KeyMaps, stats: KeyStatistics) -> Tensor:
    """Input units (N,) int64, sorted by how specific they are to the painted places.

    Args:
        keys: key maps of the context, (B, N, h, w) or a list of (N, h, w).
        weights: painted share of each cell, (B, h, w) or a list of (h, w), not negative.
        stats: statistics of the same layer that hold its units' quantiles.

    Raises:
        ParameterError: nothing painted, or shapes that do not fit.
        StatisticsError: statistics made from a bare second moment.
    """
    return unit_order(keys, weights, stats, rule="quantile")


def ablate_units(layer: Layer, units: Tensor | Sequence[int], session: str = "") -> Edit:
    """The edit that silences input ``units`` (S,) of a layer, for all samples and places.

    Its metadata names the units, in their order. Raises `ParameterError` for units that the layer
    does not have, the same unit twice, or none.
    """
    numbers = torch.as_tensor(units, dtype=torch.long).flatten()
    width = layer.weight.shape[1]
    edit = removal(layer, unit_directions(numbers, width))
    told = {
        "solver": "unit_ablation",
        "session": session,
        "units": ",".join(map(str, numbers.tolist())),
    }
    return replace(edit, metadata={**edit.metadata, **told})
