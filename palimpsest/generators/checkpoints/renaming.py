"""Tensors of a file under the names of this project, where another code names them differently."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from torch import Tensor

from palimpsest.generators.checkpoints.containers import Content


class Rule(NamedTuple):
    """``own`` gives the own name for a match of the whole name; ``change`` the tensor's own form.

    ``own`` gives "" for a tensor that has no use.
    """

    pattern: str
    own: Callable[[re.Match[str]], str]
    change: Callable[[Tensor], Tensor] = lambda tensor: tensor


def renamed(content: Content, rules: Iterable[Rule]) -> Content:
    """``content`` under own names; a name that fits no rule stays as it is."""
    tensors: dict[str, Tensor] = {}
    names: dict[str, str] = {}
    for name, tensor in content.tensors.items():
        own, form = name, tensor
        for rule in rules:
            if match := re.fullmatch(rule.pattern, name):
                own, form = rule.own(match), rule.change(tensor)
                break
        if own:
            tensors[own], names[own] = form, name
    return Content(tensors, content.metadata, content.prefix, names)
