"""A copy-paste-context session, drawn on a model's samples, and its file format.

Copy: a thing selected in one sample (the *object*). Paste: the place in another sample where it
goes. Context: places in a few samples that shall follow the same rule (paper, sections 3 and 4.1)::

    session = Session.load("data/sessions/church/dome2spire.json")
    session.exemplars[0].paste.sample          # number of a sample
    session.exemplars[0].paste.mask            # data URL; see `palimpsest.sessions.masks`
    session.save("copy.json")

The original's files (`object`, `paste`, `key`, `query`) load unchanged. Some of them have no goal:
a context alone, or an object that is not pasted. `load_session` gives a `HalfSession` for these: a
rule without a paste, which can erase (`sessions.erasing`) and be searched with (`sessions.places`).
A `Session` always has a goal. Any fault raises one `SessionError` that names the file and the
field.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from palimpsest.errors import ParameterError, SessionError
from palimpsest.files.atomic import atomic_write_text
from palimpsest.generators.base import Generator
from palimpsest.generators.classes import ClassStream
from palimpsest.generators.picture_cells import around_picture
from palimpsest.sessions.content import SAMPLES, fault_of, in_our_form, parsed
from palimpsest.sessions.masks import compat_area, cover, decode_mask
from palimpsest.settings import SessionName

VERSION = 1

Classes = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...],
    Field(min_length=1),
]
Name = SessionName


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Selection(_Strict):
    """A mask painted on a numbered sample."""

    sample: int = Field(ge=0, description="number of the sample, from 0")
    mask: str = Field(description="PNG data URL, painted where white and opaque")

    @field_validator("mask")
    @classmethod
    def _painted(cls, url: str) -> str:
        if not _is_painted(url):
            raise ValueError("is empty; paint at least one spot of it")
        return url

    @property
    def pixels(self) -> np.ndarray:
        """The mask (H, W) float32 in [0, 1], not writable."""
        return _pixels_of(self.mask)

    def area(self, size: tuple[int, int], compat: bool = False, margin: int = 0) -> Any:
        """Painted share of each cell of a (rows, columns) grid, a float32 tensor.

        ``compat`` computes it as the original code does. ``margin``: cells of the grid beyond each
        edge of the picture (`Layer.margin`), where nothing can be painted.
        """
        seen = (size[0] - 2 * margin, size[1] - 2 * margin)
        area = compat_area(self.mask, seen) if compat else cover(self.pixels, seen)
        return around_picture(area, margin)


@lru_cache(maxsize=64)
def _pixels_of(url: str) -> np.ndarray:
    """`decode_mask`, cached beside the selections, so that these stay comparable."""
    pixels = decode_mask(url)
    pixels.flags.writeable = False
    return pixels


@lru_cache(maxsize=1024)
def _is_painted(url: str) -> bool:
    """Whether a mask has a painted pixel; cached, as a history of sessions repeats its masks."""
    return bool((decode_mask(url) >= 1 / 255).any())


class HalfExemplar(_Strict):
    """A copied thing and the place where it is pasted; either may not have been painted yet.

    In a draft that erases, ``paste`` is a mark, and ``object`` does not count.
    """

    object: Selection | None = None
    paste: Selection | None = None

    def whole(self, erasing: bool = False) -> Exemplar | None:
        """The exemplar of a session; None while something of it has not been painted."""
        copied = self.paste if erasing else self.object
        if copied is None or self.paste is None:
            return None
        return Exemplar(object=copied, paste=self.paste)


class Exemplar(HalfExemplar):
    """One thing to copy, and the place to paste it."""

    object: Selection
    paste: Selection


def missing_of(exemplars: Iterable[HalfExemplar]) -> Literal["object", "paste"] | None:
    """What has to be painted before there is a goal; None if an exemplar is complete."""
    exemplars = tuple(exemplars)
    if any(one.whole() for one in exemplars):
        return None
    return "object" if all(one.object is None for one in exemplars) else "paste"


class Solving(_Strict):
    """How a session's own edit is solved, as the editor saved it; settings as in `params.yaml`."""

    solver: Name = Field(default="newton", description="method of the edit")
    exemplars: int = Field(ge=1, description="number of exemplars that are solved for together")
    mu: float = Field(ge=0, allow_inf_nan=False, description="weight of the change on other keys")


class _Drawn(_Strict):
    """The fields of a session, also of one that is half made."""

    version: int = Field(default=VERSION, ge=1, le=VERSION)
    model: Name | None = Field(default=None, description="name of the generator it was drawn on")
    name: Name = Field(description="name of the session: its file without .json")
    title: str | None = Field(default=None, max_length=300, description="what it does, for people")
    layer: int | None = Field(default=None, ge=1, description="layer whose rule changes")
    rank: int = Field(default=1, ge=1, description="number of directions of the change")
    seed: int = Field(default=1, ge=0, lt=2**32, description="seed of the samples")
    truncation: float | None = Field(
        default=None, ge=0, le=1, description="truncation of the samples; None: the model's own"
    )
    n: int = Field(default=SAMPLES, ge=1, description="length of the stream of samples")
    classes: int | tuple[int, ...] | None = Field(
        default=None,
        description="class of the samples of a class-conditional generator: one number for all, or"
        " one for each of the n; None: drawn by the seed",
    )
    exemplars: tuple[HalfExemplar, ...] = Field(default=(), description="copied things, places")
    context: tuple[Selection, ...] = Field(default=(), description="where the rule applies")
    query: Selection | None = Field(default=None, description="what matches were searched for")
    source: Classes | None = Field(default=None, description="classes that go, or gain targets")
    targets: Classes | None = Field(default=None, description="classes that come")
    adds: bool | None = Field(default=None, description="whether the source stays")
    least: float | None = Field(
        default=None, gt=0, description="pixels of a 128-pixel image that count as one thing added"
    )
    erase: int | None = Field(
        default=None, ge=1, description="number of units that are silent in the goal"
    )
    solve: Solving | None = Field(default=None, description="how its own edit is solved")

    @model_validator(mode="after")
    def _known_samples(self) -> Self:
        for field, selection in self.selections():
            if selection.sample >= self.n:
                raise ValueError(
                    f"field {field}.sample: {selection.sample} is unknown; "
                    f"the samples of this session are 0 to {self.n - 1} (n = {self.n})"
                )
        return self

    @model_validator(mode="after")
    def _class_of_each(self) -> Self:
        if isinstance(self.classes, tuple) and len(self.classes) != self.n:
            raise ValueError(
                f"field classes: {len(self.classes)} for n = {self.n} samples; give one number for "
                "all, or one for each"
            )
        return self

    @model_validator(mode="after")
    def _one_change(self) -> Self:
        if both := sorted(set(self.source or ()) & set(self.targets or ())):
            raise ValueError(f"field targets: class {both[0]!r} is also a source")
        if self.least is not None and not self.adds:
            raise ValueError("field least: counts only in a session that adds; set adds to true")
        if self.erase and any(one.object != one.paste for one in self.exemplars):
            raise ValueError("field erase: nothing is copied then; leave the objects out")
        if self.solve is not None and self.solve.exemplars > len(self.exemplars):
            raise ValueError(
                f"field solve.exemplars: {self.solve.exemplars} is above the "
                f"{len(self.exemplars)} exemplars of the session"
            )
        return self

    def selections(self) -> list[tuple[str, Selection]]:
        """Name of the field and selection, for every mask, in the order of the file."""
        found = []
        for i, exemplar in enumerate(self.exemplars):
            halves = (("object", exemplar.object), ("paste", exemplar.paste))
            found += [(f"exemplars[{i}].{name}", half) for name, half in halves if half is not None]
        found += [(f"context[{i}]", selection) for i, selection in enumerate(self.context)]
        if self.query is not None:
            found.append(("query", self.query))
        return found

    @property
    def samples(self) -> tuple[int, ...]:
        """Numbers of all samples that the session uses, ascending."""
        return tuple(sorted({selection.sample for _, selection in self.selections()}))

    def to_json(self) -> str:
        """The file's text: fields in a fixed order, indented by two spaces, one final newline."""
        held = self.model_dump(exclude_none=True)
        if self.erase:
            held["exemplars"] = [{"paste": exemplar["paste"]} for exemplar in held["exemplars"]]
        return json.dumps(held, indent=2, ensure_ascii=False) + "\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the session to a file, atomically."""
        atomic_write_text(path, self.to_json())

    def at_layer(self, layer: int) -> Self:
        """The same session at another layer: its masks fit any grid."""
        return self.model_copy(update={"layer": layer})

    def check(self, generator: Generator, layer: int | None = None, compat: bool = False) -> int:
        """Check the session against a generator; returns the number of the layer to change.

        ``layer`` is used if the session names none. Raises `SessionError` for a layer or class that
        the generator does not have, a generator of another truncation, a mask that covers no cell
        of the layer's grid, a rank above the number of context keys, and an ``erase`` of all units.
        """
        if self.truncation not in (None, generator.truncation):
            raise SessionError(
                f"session {self.name}: field truncation: it was drawn at {self.truncation:g}, and "
                f"this generator has {generator.truncation:g}; load it with the session's"
            )
        number = self.layer if self.layer is not None else layer
        if lacking := generator.lacking([number]):
            raise SessionError(f"session {self.name}: field layer: this generator has {lacking}")
        try:
            ClassStream(generator, self.seed, self.classes)
        except ParameterError as problem:
            raise SessionError(f"session {self.name}: field classes: {problem}") from None
        opened = generator.layer(number)
        keys, values = opened.key_shape, opened.value_shape
        for field, selection in self.selections():
            covered = selection.area(values, compat, opened.margin) > 0
            if field != "query" and not covered.any():  # no edit reads a query
                raise SessionError(
                    f"session {self.name}: field {field}.mask: covers nothing on the "
                    f"{values[0]} x {values[1]} grid of layer {number}; paint a larger spot"
                )
        if self.erase and self.erase >= (units := opened.weight.shape[1]):
            raise SessionError(
                f"session {self.name}: field erase: layer {number} has {units} units, and some of "
                "them must stay; give fewer"
            )
        areas = (place.area(keys, compat, opened.margin) for place in self.context)
        count = sum(int((area > 0).sum()) for area in areas)
        if self.context and self.rank > count:
            raise SessionError(
                f"session {self.name}: field rank: {self.rank} is above the {count} keys that the "
                f"context covers at layer {number}; lower it or paint more context"
            )
        return number

    @classmethod
    def _checked(cls, data: dict[str, Any], original: bool, source: str) -> Self:
        try:
            # validated as JSON, so that lists become tuples but numbers stay strictly typed
            return cls.model_validate_json(json.dumps(data))
        except ValidationError as problem:
            known = {"solve": Solving, "exemplars": Exemplar}
            known |= dict.fromkeys(("object", "paste", "context", "query"), Selection)
            raise SessionError(f"{source}: {fault_of(problem, original, known, cls)}") from None


class HalfSession(_Drawn):
    """A session without a goal: a context alone, or things copied and not pasted.

    It has `Session`'s fields. The editor opens it as a draft; `sessions.erasing` makes a session of
    it that erases, and `sessions.places` finds what is like its places.
    """

    @property
    def missing(self) -> Literal["object", "paste"]:
        """What has to be painted first."""
        return missing_of(self.exemplars) or "object"


class Session(_Drawn):
    """A session as drawn. Sample i is row i of the standard z of ``seed``, ``n`` rows long.

    ``model`` and ``layer`` are None only in a session that came from the original's format, which
    does not hold them.

    ``source``, ``targets``, ``adds`` and ``least`` say how an edit of the session is judged by
    labels, and may be left out: pixels of the ``source`` classes shall become ``targets``. If the
    rule ``adds``, the source stays and targets come into it, in each image at least ``least``
    pixels of a 128-pixel image (a quarter of what is copied, if that is left out).

    ``erase``: the goal is the pasted place itself, drawn as if so many input units of the layer
    were silent, those most specific to the context. Nothing is copied then: each exemplar's object
    is its paste, and the file leaves it out.

    ``solve``: how the pipeline solves a session that `params.yaml` does not name.
    """

    exemplars: tuple[Exemplar, ...] = Field(min_length=1, description="copied things, places")
    context: tuple[Selection, ...] = Field(min_length=1, description="where the rule applies")

    @classmethod
    def from_dict(cls, data: Any, source: str = "session") -> Session:
        """The session in the content of a JSON file, ours or the original's.

        ``source`` names the file in errors; an original session takes its name from the file's.
        Raises `SessionError` for any fault, and for a session that is half made.
        """
        fields, original = in_our_form(data, source)
        if _is_half_made(fields):
            raise SessionError(
                f"{source}: has no goal: field {_lacking(fields, original)} is missing; paint it "
                "in the editor, or use what needs no goal: palimpsest rewrite --erase, search, "
                "units or direction"
            )
        return cls._checked(fields, original, source)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Session:
        """Read a session file, ours or the original's. Raises `SessionError`."""
        path = Path(path)
        return cls.from_dict(parsed(_read(path), str(path)), str(path))


def read_session(content: bytes, source: str) -> Session | HalfSession:
    """The session in a file's content, ours or the original's, complete or half made.

    ``source`` names the file in errors. Raises `SessionError` for what is not a session, and for
    one in which nothing is drawn.
    """
    fields, original = in_our_form(parsed(content, source), source)
    if not _is_half_made(fields):
        return Session._checked(fields, original, source)
    half = HalfSession._checked(fields, original, source)
    if not half.selections():
        raise SessionError(f"{source}: nothing is drawn in this session")
    return half


def load_session(path: str | os.PathLike[str]) -> Session | HalfSession:
    """The session in a file, complete or half made; see `read_session`."""
    path = Path(path)
    return read_session(_read(path), str(path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise SessionError(f"{path}: no such file; draw the session or give another") from None
    except IsADirectoryError:
        raise SessionError(f"{path}: is a folder, not a session file") from None


def _lacking(fields: dict[str, Any], original: bool) -> str:
    """The field that would give a half-made session its goal, as its file calls it."""
    exemplars = fields.get("exemplars") or []
    half = "object" if not any(one.get("object") for one in exemplars) else "paste"
    if original:
        return half
    return f"exemplars[0].{half}" if exemplars else "exemplars"


def _is_half_made(fields: dict[str, Any]) -> bool:
    """Whether no exemplar has both halves; what is no list of objects is not for this to judge."""
    exemplars = fields.get("exemplars") or []
    if not isinstance(exemplars, list) or not all(isinstance(one, dict) for one in exemplars):
        return False
    return not any(one.get("object") and one.get("paste") for one in exemplars)
