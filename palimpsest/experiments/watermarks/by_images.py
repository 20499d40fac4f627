"""A rank-one rule for all marks that images decide, from the erased looks of its contexts.

    edit = rule_by_images(context, survey, stats, spared, segmenter, marks, (11, 22), how, seed=1)

The goal of `erase` is one image of the context, in the values of one layer and along the context's
direction. Here every image of the context has a goal, the image of its best erased look. Samples
without marks are to stay as they are. Direction and coefficients follow from both (`descent`). Like
`erase`, and unlike `oracle`, this knows no more than the segmenter's labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from palimpsest.drawing.survey import Survey
from palimpsest.errors import SessionError
from palimpsest.experiments.watermarks.descent import descend
from palimpsest.experiments.watermarks.erase import Look, MarkContext, erased_looks
from palimpsest.experiments.watermarks.settings import ImagesSettings
from palimpsest.generators.samples import sample_z
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory import Edit, KeyStatistics, context_directions
from palimpsest.memory.image_goals import ImageGoals
from palimpsest.methods.choosing.judges import singly
from palimpsest.sessions.opening import check_statistics

NAME = "rank_one_images"


def rule_by_images(
    context: MarkContext,
    survey: Survey,
    stats: KeyStatistics,
    spared: KeyStatistics,
    segmenter: Segmenter,
    marks: Sequence[str],
    units: Sequence[int],
    how: ImagesSettings,
    seed: int,
    progress: Callable[[int, float], None] | None = None,
) -> Edit:
    """The rank-one edit of the context's layer that erases all ``marks``.

    Args:
        survey: of the samples of ``seed``, among them those of the context.
        stats, spared, units: as of `erase`; the direction starts at that of the context.
        progress: called after each step with its number and the loss.

    Raises:
        SessionError: a survey in which every sample shows a mark.
        StatisticsError: statistics of other weights or another layer.
        ParameterError: a class that the segmenter does not have.
    """
    layer = context.layer
    for given in (stats, spared):
        check_statistics(layer.generator, layer, given, before_edits=True)
    bare = np.flatnonzero(~survey.where(marks).any(axis=(1, 2)))[: how.unmarked]
    if not len(bare):
        raise SessionError(f"{' or '.join(marks)}: in all of {len(survey)} samples; look at more")
    best: dict[int, Look] = {}
    for look in erased_looks(context, stats, segmenter, marks, units):
        best.setdefault(look.place, look)
    ordered = [best[place] for place in range(len(context.painted))]
    edit, loss = descend(
        layer,
        _erased(context, ordered, how.place_weight),
        _unedited(context, sample_z(layer.generator, len(survey), seed)[bare]),
        how,
        seed,
        solver="images",
        session=NAME,
        direction=context_directions(context.state.k, context.weights, spared, rank=1),
        progress=progress,
    )
    told = {
        "marks": ",".join(marks),
        "context": ",".join(str(one.sample) for one in context.painted),
        "loss": f"{loss:.6f}",
    }
    return replace(edit, metadata={**edit.metadata, **told})


@torch.no_grad()
def _erased(context: MarkContext, looks: Sequence[Look], place_weight: float) -> ImageGoals:
    """The context's images with their marks erased; painted pixels and a rim count more."""
    layer, images, weights = context.layer, [], []
    for look, painted in zip(looks, context.painted, strict=True):
        values = layer.values(context.state[look.place])
        images.append(layer.render(values.replace(look.target)))
        place = torch.from_numpy(painted.with_rim)
        weights.append(1 + place_weight * place[None, None].to(images[-1]))
    return ImageGoals(tuple(singly(context.state)), torch.cat(images), torch.cat(weights))


@torch.no_grad()
def _unedited(context: MarkContext, z: Tensor) -> ImageGoals:
    states = [context.layer.keys(one) for one in z.split(1)]
    images = torch.cat([context.layer.render(context.layer.values(state)) for state in states])
    return ImageGoals.unweighted(states, images)
