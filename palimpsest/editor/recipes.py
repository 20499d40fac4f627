"""What the pictures of a work depend on, and its hash.

    recipe = recipe_of(work, weights_sha256, truncation, lambda layer, truncation: 2000)
    recipe.hash                         # "9f2c41d07b3a55e1"; equal hashes, equal pictures

A part is a rule that is switched on, or the draft once it is complete. Units that are switched in
single pictures count for these pictures only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

from palimpsest.editor.drafts import mask_key
from palimpsest.editor.work import UnitPlace, Work
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
        if session.classes is not None:
            content["classes"] = session.classes
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
class Switched:
    """A place with switched units; ``n``: samples of the statistics that say what "on" is."""

    place: UnitPlace = field(compare=False)
    n: int
    key: str

    @classmethod
    def of_place(cls, place: UnitPlace, n: int) -> Switched:
        """The place with the statistics of ``n`` samples."""
        n = n if place.on else 0
        mask = mask_key(place.place.mask)
        key = _digest([place.layer, place.place.sample, mask, place.off, place.on, n])
        return cls(place, n, key)


@dataclass(frozen=True)
class Recipe:
    """A model, the edits of its pictures in their order, and places with switched units."""

    model: str
    weights_sha256: str
    truncation: float
    parts: tuple[Part, ...] = ()
    switched: tuple[Switched, ...] = ()
    of_class: int | None = None

    @cached_property
    def hash(self) -> str:
        """16 hexadecimal digits that name the pictures."""
        parts = [[part.key, part.strength] for part in self.parts]
        content: list[object] = [self.weights_sha256, self.truncation, parts]
        if self.switched:
            content.append([one.key for one in self.switched])
        if self.of_class is not None:
            content.append(f"class {self.of_class}")
        return _digest(content)

    @cached_property
    def rules(self) -> Recipe:
        """The same without switched units."""
        return replace(self, switched=())

    def of(self, sample: int) -> Recipe:
        """What the picture of one sample depends on: units are switched in single pictures."""
        here = tuple(one for one in self.switched if one.place.place.sample == sample)
        return self if here == self.switched else replace(self, switched=here)

    @property
    def original(self) -> Recipe:
        """The same model without edits."""
        return replace(self, parts=(), switched=())


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
    switched = tuple(
        Switched.of_place(place, samples_of(place.layer, work.truncation))
        for place in work.unit_places
        if place.off or place.on
    )
    return Recipe(work.model, weights_sha256, truncation, tuple(parts), switched, work.of_class)


def _digest(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
