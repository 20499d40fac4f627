"""Settings of the comparison: the classes by which the effect of an edit is measured."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from palimpsest.settings import Name, Settings, check_distinct


class ChangedClasses(Settings):
    """The classes of a change: pixels of ``source`` may change, to one of ``targets`` if given."""

    source: Annotated[tuple[Name, ...], Field(min_length=1)]
    targets: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> ChangedClasses:
        check_distinct(self, "source", "targets")
        return self
