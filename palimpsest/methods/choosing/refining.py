"""Refine an edit by the images that it makes.

A solver fits the values of one layer, where all errors count alike. What the layers after it make
of an error is not in that goal: some show as ghosts and smears, others not at all. So the edit that
was chosen descends in images from there:

    min over Λ, D of   mean ω |G'(z) - wanted image|    over exemplars (`descents`)
                     + β mean |G'(z) - wanted image|    over other samples

An exemplar's wanted image is what the generator draws of its pasted values; ω is higher where they
are pasted. Another sample's is its image as it was or, where cells may change, as the edit draws it
before the descent. Without the latter, edits of several exemplars lost effect.

The directions D move where there are several: they are found in a dozen places of context, which
is few for all but the first. A single direction stays as it is: moved by a few exemplars it no
longer matches the other places, and rules of rank one lost their effect (docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.generators.base import Layer
from palimpsest.generators.picture_cells import within_picture
from palimpsest.generators.samples import images_at_once, sample_z
from palimpsest.memory import Edit, KeyStatistics, pose
from palimpsest.memory.goals import goal_arguments
from palimpsest.memory.image_goals import ImageGoals
from palimpsest.memory.insert import edit_of
from palimpsest.memory.problem import rank_change, with_orthonormal
from palimpsest.methods.choosing.changing import Cells
from palimpsest.methods.choosing.judges import singly
from palimpsest.methods.choosing.settings import PalimpsestParameters
from palimpsest.sessions.opening import OpenSession

BATCH = 4
"""Exemplars, and other samples, of a step."""

ROUNDING = 1e-5
"""Share of the largest value below which values that are computed twice may differ."""

RATE = 0.02
"""First step of Adam, in standard deviations of the layer's weight; it falls to zero."""

DIRECTIONS_RATE = 0.03
"""The same of the directions, in standard deviations of their numbers."""


def descents(
    rank: int, solved_for: tuple[int, ...], everything: tuple[int, ...]
) -> list[tuple[int, ...]]:
    """The exemplars of each descent of an edit that was solved for some of them.

    An edit of several directions may learn more from all than it was solved for: one chosen for a
    single tree left ghosts of other trees. Where looks differ, as with hats, all made it worse, so
    both are tried. With a single direction all gave nothing (docs/benchmarks.md).
    """
    alone = rank == 1 or set(solved_for) == set(everything)
    return [solved_for] if alone else [solved_for, everything]


@torch.no_grad()
def pasted_images(opened: OpenSession, place_weight: float) -> ImageGoals:
    """What the exemplars look like with their things pasted; ``opened`` has goals of whole maps.

    A pixel of the pasted cells counts 1 + ``place_weight`` times as much as another.
    """
    layer, images, weights = opened.layer, [], []
    for goal in opened.goals:
        values = layer.values(goal.state)
        images.append(layer.render(values.replace(goal.target)))
        pasted = (goal.target - values.v).abs().amax(dim=1) > ROUNDING * values.v.abs().max()
        weights.append(1 + place_weight * _of_pixels(layer, pasted, images[-1]))
    states = tuple(goal.state for goal in opened.goals)
    return ImageGoals(states, torch.cat(images), torch.cat(weights))


@torch.no_grad()
def other_images(layer: Layer, weight: Tensor, z: Tensor, changing: Cells) -> ImageGoals:
    """The images of samples ``z``: those of ``weight`` in cells that may change, else unedited."""
    states, images = [], []
    for part in z.split(images_at_once(layer.generator.resolution, 4 * BATCH)):
        state = layer.keys(part)
        before, after = (layer.render(layer.values(state, w)) for w in (None, weight))
        states += singly(state)
        images.append(torch.where(_of_pixels(layer, changing(state), before) > 0, after, before))
    return ImageGoals.unweighted(states, torch.cat(images))


def refined(
    opened: OpenSession,
    edit: Edit,
    changing: Cells,
    seed: int,
    how: PalimpsestParameters,
    progress: Callable[[int], None] | None = None,
) -> Edit:
    """``edit`` after the descent; its metadata is that of before.

    A descent that does not stay finite gives ``edit`` itself.

    Args:
        opened: with the exemplars to descend on, and goals of whole maps.
        changing: the cells that may change in the other samples.
        seed: of the other samples.
        progress: called with the number of each step that was made; it may raise to stop.
    """
    layer = opened.layer
    before = layer.weight.detach()
    unit = float(before.std())
    directions = edit.directions.to(before, copy=True)  # the descent changes it in place
    changed = edit.coefficients.to(before) / unit
    z = sample_z(layer.generator, how.refining_samples, seed)
    pasted = pasted_images(opened, how.place_weight)
    others = other_images(layer, before + unit * rank_change(changed, directions), z, changing)
    moving = [(changed, RATE)]
    if edit.rank > 1:
        moving.append((directions, DIRECTIONS_RATE * float(directions.std())))
    for tensor, _ in moving:
        tensor.requires_grad_(True)
    optimiser = torch.optim.Adam([{"params": [tensor], "lr": rate} for tensor, rate in moving])
    at_once = images_at_once(layer.generator.resolution, BATCH)
    stream = torch.Generator().manual_seed(seed)

    def drawn(wanted: ImageGoals) -> list[int]:
        return torch.randperm(len(wanted), generator=stream)[:BATCH].tolist()

    for step in range(how.refining_steps):
        for group, (_, rate) in zip(optimiser.param_groups, moving, strict=True):
            group["lr"] = rate * (1 - step / how.refining_steps) ** 0.5
        optimiser.zero_grad(set_to_none=True)
        batches = (drawn(pasted), drawn(others))
        most = max(map(len, batches))
        for first in range(0, most, at_once):  # large images one after another, for memory
            with torch.enable_grad():
                weight = before + unit * rank_change(changed, directions)
                loss = before.new_zeros(())
                for wanted, numbers, share in zip(
                    (pasted, others), batches, (1.0, how.others_weight), strict=True
                ):
                    if part := numbers[first : first + at_once]:
                        error = wanted.error(layer, weight, part)
                        loss = loss + share * len(part) / len(numbers) * error
                loss.backward()
        optimiser.step()
        if progress is not None:
            progress(step + 1)
    coefficients, directions = unit * changed.detach(), directions.detach()
    if not (torch.isfinite(coefficients).all() and torch.isfinite(directions).all()):
        return edit
    if edit.rank > 1:
        coefficients, directions = with_orthonormal(coefficients, directions)
    return replace(
        edit,
        directions=directions.to(edit.directions),
        coefficients=coefficients.to(edit.coefficients),
    )


def measured_again(
    edit: Edit, opened: OpenSession, exemplars: Sequence[int], stats: KeyStatistics
) -> Edit:
    """``edit`` with its loss and change measured anew; solver, seconds and iterations stay.

    ``opened``, ``exemplars``, ``stats``: what it was solved for.
    """
    goals = goal_arguments([opened.goals[i] for i in exemplars])
    problem = pose(opened.layer, **goals, directions=edit.directions, stats=stats)
    coefficients = edit.coefficients.to(opened.layer.weight)
    made = edit_of(problem, coefficients, edit.metadata["solver"])
    told = {name: made.metadata[name] for name in ("loss_after", "change", "relative_change")}
    return replace(made, metadata={**edit.metadata, **told})


def _of_pixels(layer: Layer, cells: Tensor, images: Tensor) -> Tensor:
    """Cells (B, h, w) bool of the layer's maps as pixels (B, 1, H, W) of ``images``, 0 or 1."""
    seen = within_picture(cells, layer.margin).float()
    return F.interpolate(seen[:, None], images.shape[2:]).to(images)
