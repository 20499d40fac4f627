"""What the pictures of a work depend on, and its hash.

    recipe = recipe_of(work, weights_sha256, truncation, lambda layer, truncation: 2000)
    recipe.hash                         # "9f2c41d07b3a55e1"; equal hashes, equal pictures

A part is a rule that is switched on, or the draft once it is complete.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from palimpsest.editor.drafts import mask_key
from palimpsest.editor.work import Work
from palimpsest.sessions import Session

DIGITS = 16


@dataclass(frozen=True)
class Part:
    """One edit of a recipe: a ``session`` to be solved with statistics of ``n`` samples, or the
    ``file`` of an edit by its SHA-256."""

    strength: float
    session: Session | None = field(default=None, compare=False)
    n: int = 0
    file: str | None = None
    key: str = ""

    @classmethod
    def of_session(cls, session: Session, strength: float, n: int, search: str = "") -> Part:
        """The part of a session; its name and title do not count.

        ``search``: settings of the search for its edit, if its name has settings of its own.
        """
        content = session.model_dump(mode="json", include={"layer", "rank", "seed", "solve"})
        if session.truncation is not None:
            content["truncation"] = session.truncation
        if session.erase:
            content["erase"] = session.erase
        content["exemplars"] = [
            [(s.sample, mask_key(s.mask)) for s in (one.object, one.paste)]
            for one in session.exemplars
        ]
        content["context"] = [(s.sample, mask_key(s.mask)) for s in session.context]
        if search:
            content["search"] = search
        return cls(strength, session, n, key=_digest([content, n]))

    @classmethod
    def of_file(cls, file: str, strength: float) -> Part:
        """The part of an edit file."""
        return cls(strength, file=file, key=file)


@dataclass(frozen=True)
class Recipe:
    """A model, and the edits of its pictures in their order."""

    model: str
    weights_sha256: str
    truncation: float
    parts: tuple[Part, ...] = ()

    @cached_property
    def hash(self) -> str:
        """16 hexadecimal digits that name the pictures."""
        parts = [[part.key, part.strength] for part in self.parts]
        return _digest([self.weights_sha256, self.truncation, parts])

    @property
    def original(self) -> Recipe:
        """The same model without edits."""
        return Recipe(self.model, self.weights_sha256, self.truncation)


def recipe_of(
    work: Work,
    weights_sha256: str,
    truncation: float,
    samples_of: Callable[[int, float | None], int],
    search_of: Callable[[Session], str] = lambda session: "",
) -> Recipe:
    """The recipe of a work; ``samples_of``: samples of the statistics to use, by layer
    and truncation; ``search_of``: ``search`` of `Part.of_session`."""

    def part_of(session: Session, layer: int, strength: float) -> Part:
        n = samples_of(layer, session.truncation)
        return Part.of_session(session, strength, n, search_of(session))

    parts = []
    for rule in work.rules:
        if not rule.on or rule.strength == 0:
            continue
        if rule.edit is not None:
            parts.append(Part.of_file(rule.edit, rule.strength))
        elif rule.session is not None:
            parts.append(part_of(rule.session, rule.layer, rule.strength))
    session = work.session
    if session is not None and work.draft.strength != 0:
        parts.append(part_of(session, work.draft.layer, work.draft.strength))
    return Recipe(work.model, weights_sha256, truncation, tuple(parts))


def _digest(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
