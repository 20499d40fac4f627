"""The section `methods`: settings of the registered methods."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, create_model

from palimpsest.methods.registry import METHODS, names_of
from palimpsest.settings import Settings

Solver = Literal[names_of("edit")]
"""Methods that can make a session's own edit."""

Method = Literal[names_of("edit", "weights", "images")]
"""Every method but the unmodified generator."""

ShownMethods = Literal["all"] | list[Method]
"""Methods beside which a figure shows its sessions; empty for the session's own edit alone."""


MethodParameters = create_model(
    "MethodParameters",
    __base__=Settings,
    __doc__="The settings of every method that is not configured in a separate section.",
    **{
        name: (method.parameters, Field(default_factory=method.parameters))
        for name, method in METHODS.items()
        if method.makes != "nothing" and method.section is None
    },
)
