"""Pairs of samples, a cause on and off, and the goal of swapping its effect (paper, section 5.3).

    swap = pose_swap(g, on, off, area, goal_layer=8)       # values of one layer, on and off
    swap.loss(swap.keys(6), weight)                        # of another weight for layer 6

In every pair a cause is on and off: units of one layer are set by hand, so that one image has
windows and its twin has none. ``area`` is where the effect shows, such as what the table mirrors.
The goal is each image as it is, but with the area of its twin; it is stated in the values v of a
later layer, so that what lies after them need not be run:

    v*_on  = v_on  + area · (v_off − v_on)
    v*_off = v_off + area · (v_on − v_off)
    loss   = mean (v_on(W) − v*_on)² + mean (v_off(W) − v*_off)²        over cells and channels

Only a layer behind the cause, and not behind the goal, can be tuned: one before it gets the same
keys with the cause on and off, so no weight of it can tell the two apart. (The original tunes every
layer up to the goal's all the same; those before fit nothing but what the pairs have in common.)
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.base import Generator, KeyState, ValueState


@dataclass(frozen=True)
class Swap:
    """P pairs and what they should become.

    ``values``: the switched layer's of 2 P samples, P with the cause on, then their twins without.
    ``target`` (2 P, M, H', W'): v* of ``goal_layer``, in the same order.
    """

    generator: Generator
    values: ValueState
    target: Tensor
    goal_layer: int

    @property
    def pairs(self) -> int:
        """P."""
        return len(self.values) // 2

    def keys(self, number: int) -> KeyState:
        """Keys of layer ``number`` for all 2 P samples, from the switched values on.

        Raises `ParameterError` as `check_reach`.
        """
        check_reach(number, self.values.layer, self.goal_layer)
        with torch.no_grad():
            return self.generator.keys_at(self.values, number)

    def loss(self, state: KeyState, weight: Tensor, rows: list[int] | None = None) -> Tensor:
        """Loss of all pairs, or of the samples ``rows``, as many on as off; a scalar.

        ``state``: what `keys` gives, of the layer that is to have ``weight`` (M, N, 3, 3).
        """
        rows = list(range(len(state))) if rows is None else rows
        values = self.generator.layer(state.layer).values(state[rows], weight)
        made = self.generator.values_at(values, self.goal_layer).v
        return 2 * (made - self.target[rows]).square().mean()  # the sum of the halves' means


def check_reach(number: int, cause: int, goal: int) -> None:
    """Raises `ParameterError` where layer ``number`` cannot tell a cause in the values of layer
    ``cause`` on from off, or lies behind the ``goal`` layer."""
    fit = f"choose {goal}" if cause + 1 == goal else f"choose one of {cause + 1} to {goal}"
    if number <= cause:
        raise ParameterError(
            f"layer {number} cannot see a switch in the values of layer {cause}: its keys are "
            f"the same with the cause on and off; {fit}"
        )
    if number > goal:
        raise ParameterError(
            f"layer {number} lies behind the goal, which is stated in the values of layer {goal}; "
            f"{fit}"
        )


def pose_swap(
    g: Generator, on: ValueState, off: ValueState, area: Tensor, goal_layer: int = 8
) -> Swap:
    """State the goal of the pairs ``on`` and ``off``, values of one layer for the same P samples.

    Args:
        area: (H', W') or (P, H', W') in [0, 1], on the value map of ``goal_layer``: how much of a
            cell is to come from the twin.

    Raises:
        ParameterError: values that do not match, a goal that is not behind them, an area of another
            shape or range, or pairs that do not differ in it.
    """
    if on.layer != off.layer or on.v.shape != off.v.shape:
        raise ParameterError(
            f"pairs of layer {on.layer} {tuple(on.v.shape)} and layer {off.layer} "
            f"{tuple(off.v.shape)}: both halves must be values of one layer for the same samples"
        )
    if goal_layer not in g.layers or goal_layer <= on.layer:
        raise ParameterError(
            f"goal at layer {goal_layer}: it must lie behind layer {on.layer}, whose values are "
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
        raise ParameterError("area with numbers outside 0 to 1: it is the share of a cell to swap")
    share = area.to(made_on).expand(len(made_on), *area.shape[-2:])[:, None]
    exchange = share * (made_off - made_on)
    if not exchange.any():
        raise ParameterError(
            "the pairs do not differ in the area, so there is no effect to swap; see whether the "
            "switch does anything there"
        )
    return Swap(g, values, torch.cat([made_on + exchange, made_off - exchange]), goal_layer)


def joined(*states: ValueState) -> ValueState:
    """The samples of several states of one layer and window, one after the other."""
    tensors = {
        field.name: torch.cat([getattr(state, field.name) for state in states]).detach()
        for field in fields(ValueState)
        if isinstance(getattr(states[0], field.name), Tensor)
    }
    return replace(states[0], **tensors)
