"""Pairs of samples with a cause on and off, and the goal that swaps its effect (section 5.3).

    swap = pose_swap(g, on, off, area, goal_layer=8)       # values of one layer, on and off
    swap.loss(swap.keys(6), weight)                        # of another weight for layer 6

In every pair a cause is switched on and off: units of one layer are set to fixed values, so that
one image has windows and its twin has none. ``area`` is where the effect is visible, such as a
reflection on a table. The goal is each image with the area of its twin; it is defined on the values
v of a later layer, so the rest of the generator is not run:

    v*_on  = v_on  + area · (v_off − v_on)
    v*_off = v_off + area · (v_on − v_off)
    loss   = mean (v_on(W) − v*_on)² + mean (v_off(W) − v*_off)²        over cells and channels

Only layers after the cause and up to the goal can be tuned: a layer before the cause has the same
keys with the cause on and off, so no weight can distinguish the two. (The original tunes every
layer up to the goal; those before the cause fit only what both images of a pair share.)
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.base import Generator, KeyState, ValueState


@dataclass(frozen=True)
class Swap:
    """P pairs and their target values.

    ``values``: of the switched layer for 2 P samples, P with the cause on, then their twins with
    it off. ``target`` (2 P, M, H', W'): v* of ``goal_layer``, in the same order.
    """

    generator: Generator
    values: ValueState
    target: Tensor
    goal_layer: int

    @property
    def pairs(self) -> int:
        """P, the number of pairs."""
        return len(self.values) // 2

    def keys(self, number: int) -> KeyState:
        """Keys of layer ``number`` for all 2 P samples, computed from the switched values.

        Raises `ParameterError` as `check_reach`.
        """
        check_reach(number, self.values.layer, self.goal_layer)
        with torch.no_grad():
            return self.generator.keys_at(self.values, number)

    def loss(self, state: KeyState, weight: Tensor, rows: list[int] | None = None) -> Tensor:
        """Loss of all pairs under ``weight`` (M, N, kh, kw), a scalar.

        ``state``: keys of the layer with this weight, from `keys`. ``rows``: use these samples
        only, as many with the cause on as off.
        """
        rows = list(range(len(state))) if rows is None else rows
        values = self.generator.layer(state.layer).values(state[rows], weight)
        made = self.generator.values_at(values, self.goal_layer).v
        return 2 * (made - self.target[rows]).square().mean()  # the sum of the halves' means


def check_reach(number: int, cause: int, goal: int) -> None:
    """Raises `ParameterError` unless ``number`` is a layer after ``cause`` and up to ``goal``."""
    fit = f"choose {goal}" if cause + 1 == goal else f"choose one of {cause + 1} to {goal}"
    if number <= cause:
        raise ParameterError(
            f"layer {number} cannot see a switch in the values of layer {cause}: its keys are "
            f"the same with the cause on and off; {fit}"
        )
    if number > goal:
        raise ParameterError(
            f"layer {number} comes after the goal, which is stated in the values of layer {goal}; "
            f"{fit}"
        )


def pose_swap(
    g: Generator, on: ValueState, off: ValueState, area: Tensor, goal_layer: int = 8
) -> Swap:
    """The swap of the pairs ``on`` and ``off``, values of one layer for the same P samples.

    Args:
        area: (H', W') or (P, H', W') in [0, 1] on the value map of ``goal_layer``: share of a
            cell's target that comes from the twin.

    Raises:
        ParameterError: values that do not match, a goal that is not after them, an area of another
            shape or range, or pairs that do not differ in the area.
    """
    if on.layer != off.layer or on.v.shape != off.v.shape:
        raise ParameterError(
            f"pairs of layer {on.layer} {tuple(on.v.shape)} and layer {off.layer} "
            f"{tuple(off.v.shape)}: both halves must be values of one layer for the same samples"
        )
    if goal_layer not in g.layers or goal_layer <= on.layer:
        raise ParameterError(
            f"goal at layer {goal_layer}: it must come after layer {on.layer}, whose values are "
            f"switched, and be one of {g.layers[0]} to {g.last_layer}"
        )
    values = joined(on, off)
    with torch.no_grad():
        made_on, made_off = g.values_at(values, goal_layer).v.chunk(2)
    fits = area.shape[-2:] == made_on.shape[-2:] and area.shape[:-2] in ((), (len(made_on),))
    if not fits:
        size = tuple(made_on.shape[-2:])
        raise ParameterError(
            f"area of shape {tuple(area.shape)}; for {len(made_on)} pairs and the values of layer "
            f"{goal_layer} it must be {size} or {(len(made_on), *size)}"
        )
    if not ((area >= 0) & (area <= 1)).all():
        raise ParameterError("area with numbers outside 0 to 1; it is the share of a cell to swap")
    share = area.to(made_on).expand(len(made_on), *area.shape[-2:])[:, None]
    exchange = share * (made_off - made_on)
    if not exchange.any():
        raise ParameterError(
            "the pairs do not differ in the area, so there is no effect to swap; check that the "
            "switch has an effect there"
        )
    return Swap(g, values, torch.cat([made_on + exchange, made_off - exchange]), goal_layer)


def joined(*states: ValueState) -> ValueState:
    """The samples of several states of one layer and window, concatenated."""
    tensors = {
        field.name: torch.cat([getattr(state, field.name) for state in states]).detach()
        for field in fields(ValueState)
        if isinstance(getattr(states[0], field.name), Tensor)
    }
    return replace(states[0], **tensors)
