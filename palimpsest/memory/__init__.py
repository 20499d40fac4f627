"""A layer of a generator as an associative memory: read its keys and rewrite its rules.

stats = KeyStatistics.collect(g, layer=8, n=1000, seed=1)
D = context_directions(keys, weights, stats, rank=1)
edit = insert(layer, state, target, D, solver="newton", stats=stats)
g2 = edit.apply(g)
"""

from palimpsest.memory.directions import (
    context_directions,
    match_map,
    mean_direction,
    query_key,
    rank_matches,
    singular_directions,
    unit_directions,
    unit_order,
    unit_scores,
)
from palimpsest.memory.edits import Edit, EditSequence, applied_edits
from palimpsest.memory.goals import Clip, Goal, centre_of, copy_object, paste_goal, removal_goal
from palimpsest.memory.insert import edit_of, insert, match_change, pose, removal
from palimpsest.memory.problem import Problem, Solution
from palimpsest.memory.solvers import SOLVERS
from palimpsest.memory.statistics import KeyStatistics

__all__ = [
    "SOLVERS",
    "Clip",
    "Edit",
    "EditSequence",
    "Goal",
    "KeyStatistics",
    "Problem",
    "Solution",
    "applied_edits",
    "centre_of",
    "context_directions",
    "copy_object",
    "edit_of",
    "insert",
    "match_change",
    "match_map",
    "mean_direction",
    "paste_goal",
    "pose",
    "query_key",
    "rank_matches",
    "removal",
    "removal_goal",
    "singular_directions",
    "unit_directions",
    "unit_order",
    "unit_scores",
]
