"""The samples that a figure shows: those that score highest along an edit's directions.

    chosen, found = best_along(generator, edit, sources.z, count=12)

The edit itself selects the samples; none is chosen by hand (paper, Figures 7 to 12).
"""

from __future__ import annotations

import torch
from torch import Tensor

from palimpsest.experiments.panel_sources import BATCH
from palimpsest.generators import Generator
from palimpsest.memory import Edit


@torch.no_grad()
def scores(generator: Generator, edit: Edit, z: Tensor) -> Tensor:
    """Score (n,) of each sample: that of the cell that best matches an edit's directions.

    A cell's score is the root of the sum of squares of its positive products d·k with the
    directions; for a single direction it is d·k itself.
    """
    layer = generator.layer(edit.layer)
    directions, best = edit.directions.to(generator.device), []
    for part in z.split(BATCH):
        along = torch.einsum("sn,bnhw->bshw", directions, layer.keys(part).k)
        positive = along if along.shape[1] == 1 else along.clamp(min=0)
        strength = positive[:, 0] if along.shape[1] == 1 else positive.square().sum(dim=1).sqrt()
        best.append(strength.flatten(1).amax(dim=1).cpu())
    return torch.cat(best)


def best_along(generator: Generator, edit: Edit, z: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` rows of z that score highest, best first (P,), and their scores (P,)."""
    found = scores(generator, edit, z)
    chosen = found.argsort(descending=True, stable=True)[:count]
    return chosen, found[chosen]
