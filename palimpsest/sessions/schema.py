"""A copy-paste-context session, drawn on a model's samples, and its file format.

Copy: a thing selected in one sample (the *object*). Paste: the place in another sample where it
goes. Context: places in a few samples that shall follow the same rule (paper, sections 3 and 4.1)::

    session = Session.load("data/sessions/church/dome2spire.json")
    session.exemplars[0].paste.sample          # number of a sample
    session.exemplars[0].paste.mask            # data URL; see `palimpsest.sessions.masks`
    session.save("copy.json")

The original's files (`object`, `paste`, `key`, `query`) load unchanged. Any fault of a session
raises one `SessionError` that names the file and the field.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

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

from palimpsest.errors import SessionError
from palimpsest.files.atomic import atomic_write_text
from palimpsest.generators.base import Generator
from palimpsest.sessions.masks import compat_area, cover, decode_mask

VERSION = 1
ORIGINAL_FIELDS = frozenset({"object", "paste", "key", "query"})

Classes = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...],
    Field(min_length=1),
]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]


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

    def area(self, size: tuple[int, int], compat: bool = False) -> Any:
        """Painted share of each cell of a (rows, columns) grid, a float32 tensor.

        ``compat`` computes it as the original code does.
        """
        return compat_area(self.mask, size) if compat else cover(self.pixels, size)


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


class Exemplar(_Strict):
    """One thing to copy, and the place to paste it."""

    object: Selection
    paste: Selection


class Solving(_Strict):
    """How a session's own edit is solved, as the editor saved it; settings as in `params.yaml`."""

    solver: Name = Field(default="newton", description="method of the edit")
    exemplars: int = Field(ge=1, description="number of exemplars that are solved for together")
    mu: float = Field(ge=0, allow_inf_nan=False, description="weight of the change on other keys")


class Session(_Strict):
    """A session as drawn. Sample i is row i of the standard z of ``seed``, ``n`` rows long.

    ``model`` and ``layer`` are None only in a session that came from the original's format, which
    does not hold them.

    ``source``, ``targets``, ``adds`` and ``least`` say how an edit of the session is judged by
    labels, and may be left out: pixels of the ``source`` classes shall become ``targets``. If the
    rule ``adds``, the source stays and targets come into it, in each image at least ``least``
    pixels of a 128-pixel image (a quarter of what is copied, if that is left out).

    ``solve``: how the pipeline solves a session that `params.yaml` does not name.
    """

    version: int = Field(default=VERSION, ge=1, le=VERSION)
    model: Name | None = Field(default=None, description="name of the generator it was drawn on")
    name: Name = Field(description="name of the session: its file without .json")
    title: str | None = Field(default=None, max_length=300, description="what it does, for people")
    layer: int | None = Field(default=None, ge=1, description="layer whose rule changes")
    rank: int = Field(default=1, ge=1, description="number of directions of the change")
    seed: int = Field(default=1, ge=0, lt=2**32, description="seed of the samples")
    n: int = Field(default=1000, ge=1, description="length of the stream of samples")
    exemplars: tuple[Exemplar, ...] = Field(min_length=1, description="copied things, places")
    context: tuple[Selection, ...] = Field(min_length=1, description="where the rule applies")
    query: Selection | None = Field(default=None, description="what matches were searched for")
    source: Classes | None = Field(default=None, description="classes that go, or gain targets")
    targets: Classes | None = Field(default=None, description="classes that come")
    adds: bool | None = Field(default=None, description="whether the source stays")
    least: float | None = Field(
        default=None, gt=0, description="pixels of a 128-pixel image that count as one thing added"
    )
    solve: Solving | None = Field(default=None, description="how its own edit is solved")

    @model_validator(mode="after")
    def _known_samples(self) -> Session:
        for field, selection in self.selections():
            if selection.sample >= self.n:
                raise ValueError(
                    f"field {field}.sample: {selection.sample} is unknown; "
                    f"the samples of this session are 0 to {self.n - 1} (n = {self.n})"
                )
        return self

    @model_validator(mode="after")
    def _one_change(self) -> Session:
        if both := sorted(set(self.source or ()) & set(self.targets or ())):
            raise ValueError(f"field targets: class {both[0]!r} is also a source")
        if self.least is not None and not self.adds:
            raise ValueError("field least: counts only in a session that adds; set adds to true")
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
            found.append((f"exemplars[{i}].object", exemplar.object))
            found.append((f"exemplars[{i}].paste", exemplar.paste))
        found += [(f"context[{i}]", selection) for i, selection in enumerate(self.context)]
        if self.query is not None:
            found.append(("query", self.query))
        return found

    @property
    def samples(self) -> tuple[int, ...]:
        """Numbers of all samples that the session uses, ascending."""
        return tuple(sorted({selection.sample for _, selection in self.selections()}))

    @classmethod
    def from_dict(cls, data: Any, source: str = "session") -> Session:
        """The session in the content of a JSON file, ours or the original's.

        ``source`` names the file in errors; an original session takes its name from the file's.
        Raises `SessionError` for any fault.
        """
        if not isinstance(data, dict):
            raise SessionError(f"{source}: holds {_kind(data)}, not a JSON object with a session")
        if ORIGINAL_FIELDS & data.keys() and "exemplars" not in data:
            data = _from_original(data, source)
        elif "exemplars" not in data:
            raise SessionError(
                f"{source}: field exemplars is missing; a session holds exemplars of "
                "object and paste, and context (or the original's object, paste and key)"
            )
        if not data.get("context"):
            data = {**data, "context": _pasted_places(data["exemplars"])}
        try:
            # validated as JSON, so that lists become tuples but numbers stay strictly typed
            return cls.model_validate_json(json.dumps(data))
        except ValidationError as problem:
            raise SessionError(f"{source}: {_first_fault(problem)}") from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Session:
        """Read a session file, ours or the original's. Raises `SessionError`."""
        path = Path(path)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SessionError(f"{path}: no such file; draw the session or give another") from None
        except IsADirectoryError:
            raise SessionError(f"{path}: is a folder, not a session file") from None
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as problem:
            raise SessionError(f"{path}: is not JSON ({problem}); draw or save it again") from None
        return cls.from_dict(data, str(path))

    def to_json(self) -> str:
        """The file's text: fields in a fixed order, indented by two spaces, one final newline."""
        return json.dumps(self.model_dump(exclude_none=True), indent=2, ensure_ascii=False) + "\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the session to a file, atomically."""
        atomic_write_text(path, self.to_json())

    def check(self, generator: Generator, layer: int | None = None, compat: bool = False) -> int:
        """Check the session against a generator; returns the number of the layer to change.

        ``layer`` is used if the session names none. Raises `SessionError` for a layer that the
        generator does not have, a mask that covers no cell of the layer's grid, and a rank above
        the number of context keys.
        """
        number = self.layer if self.layer is not None else layer
        if lacking := generator.lacking([number]):
            raise SessionError(f"session {self.name}: field layer: this generator has {lacking}")
        opened = generator.layer(number)
        keys, values = (opened.key_size,) * 2, (opened.value_size,) * 2
        for field, selection in self.selections():
            if not (selection.area(values, compat) > 0).any():
                raise SessionError(
                    f"session {self.name}: field {field}.mask: covers nothing on the "
                    f"{values[0]} x {values[1]} grid of layer {number}; paint a larger spot"
                )
        count = sum(int((selection.area(keys, compat) > 0).sum()) for selection in self.context)
        if self.rank > count:
            raise SessionError(
                f"session {self.name}: field rank: {self.rank} is above the {count} keys that the "
                f"context covers at layer {number}; lower it or paint more context"
            )
        return number


def _pasted_places(exemplars: Any) -> list[Any]:
    """The context of a session without one: the pasted places, as in the original."""
    if not isinstance(exemplars, list):
        return []
    return [e["paste"] for e in exemplars if isinstance(e, dict) and "paste" in e]


def _from_original(data: dict[str, Any], source: str) -> dict[str, Any]:
    if unknown := sorted(data.keys() - ORIGINAL_FIELDS):
        raise SessionError(
            f"{source}: field {unknown[0]} is unknown; an original session holds "
            "object, paste, key and query"
        )
    for field in ("object", "paste"):
        if field not in data:
            raise SessionError(f"{source}: field {field} is missing; a session needs both")
    stem = "".join(c if c.isalnum() or c in "_.-" else "_" for c in Path(source).stem)
    pairs = data.get("key") or [data["paste"]]
    if not isinstance(pairs, list):
        raise SessionError(f"{source}: field key: expected a list of [sample, mask], got {pairs!r}")
    converted = {
        "name": stem.lstrip("_.-") or "session",
        "exemplars": [
            {field: _pair(data[field], source, field) for field in ("object", "paste")},
        ],
        "context": [_pair(pair, source, f"key[{i}]") for i, pair in enumerate(pairs)],
    }
    if data.get("query"):
        converted["query"] = _pair(data["query"], source, "query")
    return converted


def _pair(pair: Any, source: str, field: str) -> dict[str, Any]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise SessionError(f"{source}: field {field}: expected [sample, mask], got {_kind(pair)}")
    return {"sample": pair[0], "mask": pair[1]}


def _first_fault(problem: ValidationError) -> str:
    """The first of pydantic's errors, as `field NAME: what is wrong`."""
    fault = problem.errors(include_url=False, include_context=False)[0]
    field = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in fault["loc"]).lstrip(".")
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        return f"field {field} is unknown; known fields: {', '.join(_known_beside(fault['loc']))}"
    if fault["type"] == "missing":
        return f"field {field} is missing"
    if not field:
        return message
    given = fault.get("input")
    shown = f" (got {given!r})" if isinstance(given, int | float | bool) else ""
    return f"field {field}: {message[:1].lower()}{message[1:]}{shown}"


def _known_beside(loc: tuple[int | str, ...]) -> list[str]:
    """Names of the known fields at the place of an unknown one."""
    if len(loc) == 1:
        return list(Session.model_fields)
    if loc[0] == "exemplars" and len(loc) == 3:
        return list(Exemplar.model_fields)
    if loc[0] == "solve":
        return list(Solving.model_fields)
    return list(Selection.model_fields)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return names.get(type(value), f"a {type(value).__name__}")
