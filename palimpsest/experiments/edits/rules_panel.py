"""The panel of Figure 1: several edits on one model, one on top of the other.

    arrays, facts = compute_rules(sources)

Drawn by `palimpsest.report.figures.rules`.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
import torch
from torch import Tensor

from palimpsest.experiments.edits.best_matches import scores
from palimpsest.experiments.panel_sources import Arrays, Facts, Sources, pictures
from palimpsest.generators import Generator
from palimpsest.memory import Edit


def compute_rules(sources: Sources) -> tuple[Arrays, Facts]:
    """Images after every edit in succession, on the samples that best match all edits.

    ``images`` (K + 1, S, H, W, 3) uint8 for K edits, ``samples`` (S,). The fact ``restored`` says
    whether removing the edits, in every order, gives back the original weights bit for bit.
    """
    edits = sources.loaded()
    z = sources.z
    standing = torch.stack(
        [_standing(scores(sources.generator, edit, z)) for edit in edits.values()]
    )
    chosen = standing.amin(dim=0).argsort(descending=True, stable=True)[: sources.pairs]
    steps = [sources.generator]
    for edit in edits.values():
        steps.append(edit.apply(steps[-1]))
    images = np.stack([pictures(g, z[chosen]) for g in steps])
    orders = list(permutations(edits.values()))
    return {"images": images, "samples": chosen.numpy()}, {
        "sessions": list(edits),
        "ranks": [edit.rank for edit in edits.values()],
        "layers": [edit.layer for edit in edits.values()],
        "orders_checked": len(orders),
        "restored": all(_restores(steps[-1], sources.generator, order) for order in orders),
    }


def _standing(score: Tensor) -> Tensor:
    """Rank of each sample by its score, 0 for the lowest."""
    return score.argsort(stable=True).argsort(stable=True)


def _restores(changed: Generator, original: Generator, order: tuple[Edit, ...]) -> bool:
    """Whether removing these edits, in this order, gives the original weights bit for bit."""
    for edit in order:
        changed = edit.remove(changed)
    ours, theirs = changed.state_dict(), original.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)
