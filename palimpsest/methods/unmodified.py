"""`unmodified`: the unedited generator, the row that all others are compared with."""

from __future__ import annotations

from palimpsest.methods.method import Method

METHOD = Method(
    name="unmodified",
    about="the generator as it is",
    makes="nothing",
    in_paper=True,
    order=8,
)
