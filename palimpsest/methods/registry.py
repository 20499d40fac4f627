"""The registry: every method by name, found in the modules of `palimpsest.methods`.

    METHODS["newton"].label                         # "newton"
    names_of("edit")                                # methods that make an edit of low rank
    edit = edit_by("newton", g, session, stats, mu=0.1, iterations=40)

Tables, figures, claims, `params.yaml`, the workflow and the stages all read `METHODS`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import palimpsest.methods
from palimpsest.errors import ParameterError
from palimpsest.methods.method import Makes, Method
from palimpsest.settings import Settings, validated

if TYPE_CHECKING:
    from torch import Tensor

    from palimpsest.generators.base import Generator
    from palimpsest.instruments.segmenters.world_segmenter import Segmenter
    from palimpsest.memory import Edit, KeyStatistics
    from palimpsest.sessions.schema import Session


def _found() -> dict[str, Method]:
    """The methods of all modules of the package: the paper's rows in its order, then the others."""
    found: dict[str, Method] = {}
    for module in pkgutil.iter_modules(palimpsest.methods.__path__):
        if module.ispkg or module.name == "registry":
            continue
        held = vars(importlib.import_module(f"palimpsest.methods.{module.name}")).values()
        for method in (one for one in held if isinstance(one, Method)):
            if found.setdefault(method.name, method) is not method:
                raise ParameterError(f"two methods are called {method.name!r}; rename one")
    order = sorted(found.values(), key=lambda one: (not one.in_paper, one.order, one.name))
    return {method.name: method for method in order}


METHODS: dict[str, Method] = _found()
"""All methods by name, in the order of the tables."""

UNMODIFIED = "unmodified"
"""The row of the unedited generator."""


def names_of(*makes: Makes) -> tuple[str, ...]:
    """Names of the methods that make one of these things, in the order of the tables."""
    return tuple(name for name, method in METHODS.items() if method.makes in makes)


RANK = "_rank_"
"""Between the name of a method and the further rank that it is compared at."""


def at_rank(name: str, rank: int) -> str:
    """The name under which a method's edit of another rank than the session's is compared."""
    return f"{name}{RANK}{rank}"


def with_rank(name: str) -> tuple[str, int | None]:
    """A method's own name, and the rank that `at_rank` wrote behind it, if any."""
    method, behind, rank = name.rpartition(RANK)
    return (method, int(rank)) if behind and rank.isdigit() else (name, None)


def method_called(name: str, makes: Makes, where: str = "method") -> Method:
    """The method of that name. Raises `ParameterError` unless it makes what ``makes`` says."""
    known = names_of(makes)
    if name not in known:
        raise ParameterError(f"{where}: {name!r} is none of {', '.join(known)}")
    return METHODS[name]


def running_at_layers(method: Method) -> Callable[..., Edit]:
    """What a method runs with statistics of several layers.

    Raises `ParameterError` for one that edits the session's layer only.
    """
    if method.run_layers is None:
        able = " or ".join(name for name, one in METHODS.items() if one.run_layers)
        raise ParameterError(
            f"method {method.name}: edits the session's layer only; name no other, or use {able}"
        )
    return method.run_layers


def edit_by(
    name: str,
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    segmenter: Segmenter | None = None,
    **settings: Any,
) -> Edit:
    """The edit that a method makes of a session; the metadata names the method.

    Raises `ParameterError` for an unknown method or setting, and what the method raises.
    """
    method = method_called(name, "edit")
    asked = validated(name, settings, method.settings)
    return edit_with(method, g, session, stats, segmenter, asked)


def edit_with(
    method: Method,
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    segmenter: Segmenter | None,
    settings: Settings,
    further: Sequence[KeyStatistics] = (),
) -> Edit:
    """The edit that a method makes with validated settings; the metadata names the method.

    ``further``: statistics of other layers, at which the method tries the session as well. Raises
    `ParameterError` if there are any and the method edits the session's layer only.
    """
    if further:
        run = running_at_layers(method)
        edit = run(g, session, [stats, *further], segmenter, settings)
    else:
        edit = method.run(g, session, stats, segmenter, settings)
    return replace(edit, metadata={**edit.metadata, "method": method.name})


def image_changes(
    g: Generator, session: Session, segmenter: Segmenter, settings: Mapping[str, Settings]
) -> dict[str, Callable[[Tensor], Tensor]]:
    """Functions that change images (B, 3, H, W), by the names of ``settings``.

    Raises `ParameterError` for a method that does not change images.
    """
    shared: dict[Any, Any] = {}
    return {
        name: method_called(name, "images").run(g, session, segmenter, asked, shared)
        for name, asked in settings.items()
    }


def image_settings(where: str, values: Mapping[str, Any]) -> dict[str, Settings]:
    """Settings of methods that change images, by name, from what JSON holds.

    Raises `ParameterError` for another method, and settings that it does not have.
    """
    return {
        name: validated(f"{where}: {name}", given, method_called(name, "images", where).settings)
        for name, given in values.items()
    }
