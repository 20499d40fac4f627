"""Groups of exemplars whose goals look alike.

One rule writes one look: exemplars whose objects differ (a red, a yellow and a black hat) average
to a smear. So `choose` also tries groups of exemplars with similar goals.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from torch import Tensor

from palimpsest.memory.goals import Goal

GROUPS = (2, 3)
"""Numbers of groups into which the exemplars are divided."""


def alike_groups(goals: Sequence[Goal]) -> list[tuple[int, ...]]:
    """Groups of two or more ``goals`` (by number) that are alike, the largest first.

    Each goal is described by the mean over its cells of the values it wants, every unit scaled by
    its spread over the goals; Ward's clustering divides them into 2, then into 3 groups. No group
    holds all goals, and none is given twice.
    """
    if len(goals) < 3:
        return []
    looks = np.stack([_look(goal).double().cpu().numpy() for goal in goals])
    looks = (looks - looks.mean(0)) / np.maximum(looks.std(0), 1e-9)
    tree = linkage(looks, method="ward")
    found: set[tuple[int, ...]] = set()
    for count in GROUPS:
        labels = fcluster(tree, count, criterion="maxclust")
        found |= {tuple(np.flatnonzero(labels == one).tolist()) for one in np.unique(labels)}
    several = [group for group in found if 1 < len(group) < len(goals)]
    return sorted(several, key=lambda group: (-len(group), group))


def _look(goal: Goal) -> Tensor:
    """Mean of the wanted values over the goal's cells, (M,)."""
    if goal.weights is None:
        return goal.target.mean((0, 2, 3))
    weights = goal.weights[:, None]
    return (goal.target * weights).sum((0, 2, 3)) / weights.sum().clamp(min=1e-12)
