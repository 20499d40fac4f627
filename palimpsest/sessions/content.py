"""The content of a session file before it is checked: JSON, in our form or the original's.

    data = parsed(path.read_bytes(), "dome2spire.json")
    data, original = in_our_form(data, "dome2spire.json")

The original's files hold `object`, `paste`, `key` and `query`, each a pair [sample, mask] or, for
`key`, a list of pairs; any of them may be absent or null. `erase` may be added to them. Errors name
the file and the field as it stands there, and never repeat a mask.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from palimpsest.errors import SessionError
from palimpsest.sessions.masks import decode_mask
from palimpsest.settings import LONGEST_SESSION_NAME

ORIGINAL_FIELDS = frozenset({"object", "paste", "key", "query"})
ADDED_FIELDS = frozenset({"erase"})
"""Fields of ours that a file in the original's form may have."""

SAMPLES = 1000
"""Length of the stream of samples of a session that does not name it, if no sample is beyond."""


def parsed(content: bytes, source: str) -> Any:
    """The JSON in ``content``, which may begin with a byte order mark.

    Raises `SessionError` for text that is not JSON, or not UTF-8.
    """
    try:
        return json.loads(content.decode("utf-8-sig"), parse_constant=_not_json)
    except (ValueError, RecursionError) as problem:
        # a decoding error's own text would repeat the content
        found = problem.reason if isinstance(problem, UnicodeDecodeError) else str(problem)
        raise SessionError(
            f"{source}: is not JSON ({found}), so it is not a session file; draw or save it again"
        ) from None


def in_our_form(data: Any, source: str) -> tuple[dict[str, Any], bool]:
    """The fields of a session, and whether they stood in the original's form.

    What is not drawn is left out, and so is a `query` without a painted spot, which has no use.
    Raises `SessionError` for what is not a session.
    """
    if not isinstance(data, dict):
        raise SessionError(f"{source}: holds {kind(data)}, not a JSON object with a session")
    original = not {"exemplars", "context"} & data.keys() and bool(ORIGINAL_FIELDS & data.keys())
    if original:
        data = _from_original(data, source)
    elif not {"exemplars", "context"} & data.keys():
        raise SessionError(
            f"{source}: is not a session: field exemplars is missing; a session holds exemplars "
            "of object and paste, and context (or the original's object, paste and key)"
        )
    if data.get("erase"):
        data = {**data, "exemplars": _marks(data)}
    if not data.get("context") and (places := _pasted_places(data.get("exemplars"))):
        data = {**data, "context": places}
    if _unpainted(data.get("query")):
        data = {name: value for name, value in data.items() if name != "query"}
    return data, original


def fault_of(
    problem: ValidationError, original: bool, known: dict[str, type[Any]], top: type[Any]
) -> str:
    """The first of pydantic's errors as `field NAME: what is wrong`, with no mask in it.

    ``known``: models of the values by the name of their field, ``top``: that of the whole.
    """
    fault = problem.errors(include_url=False, include_context=False)[0]
    field = "".join(f"[{p}]" if isinstance(p, int) else f".{_short(p)}" for p in fault["loc"])
    field = field.lstrip(".")
    if original:
        field = re.sub(r"^exemplars\[0\]\.", "", field)
        field = re.sub(r"^context\[", "key[", field)
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        names = [name for name in fault["loc"][:-1] if isinstance(name, str)]
        model = known.get(names[-1], top) if names else top
        return f"field {field} is unknown; known fields: {', '.join(model.model_fields)}"
    if fault["type"] == "missing":
        return f"field {field} is missing"
    if not field:
        return message
    given = fault.get("input")
    shown = f" (got {_short(repr(given))})" if isinstance(given, int | float | bool) else ""
    return f"field {field}: {message[:1].lower()}{message[1:]}{shown}"


def kind(value: Any) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return names.get(type(value), f"a {type(value).__name__}")


def _not_json(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _from_original(data: dict[str, Any], source: str) -> dict[str, Any]:
    if unknown := sorted(data.keys() - ORIGINAL_FIELDS - ADDED_FIELDS):
        raise SessionError(
            f"{source}: field {_short(unknown[0])} is unknown; an original session holds "
            "object, paste, key and query; erase may be added"
        )
    pairs = data.get("key") or []
    if not isinstance(pairs, list):
        raise SessionError(
            f"{source}: field key: expected a list of [sample, mask], got {kind(pairs)}"
        )
    halves = {f: _pair(data[f], source, f) for f in ("object", "paste") if data.get(f)}
    found: dict[str, Any] = {
        "name": _name(source),
        "exemplars": [halves] if halves else [],
        "context": [_pair(pair, source, f"key[{i}]") for i, pair in enumerate(pairs)],
    }
    if data.get("query"):
        found["query"] = _pair(data["query"], source, "query")
    # sample i is the same for any n, so a later sample only makes the stream longer
    drawn = [*halves.values(), *found["context"], found.get("query", {})]
    numbers = [one["sample"] for one in drawn if type(one.get("sample")) is int]
    found |= {name: data[name] for name in ADDED_FIELDS if data.get(name) is not None}
    return found | {"n": max([SAMPLES, *(number + 1 for number in numbers)])}


def _pair(pair: Any, source: str, field: str) -> dict[str, Any]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise SessionError(f"{source}: field {field}: expected [sample, mask], got {kind(pair)}")
    return {"sample": pair[0], "mask": pair[1]}


def _name(source: str) -> str:
    """A session's name from that of its file."""
    stem = Path(source).stem
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "_" for c in stem)
    return plain.lstrip("_.-")[:LONGEST_SESSION_NAME] or "session"


def _marks(data: dict[str, Any]) -> Any:
    """The exemplars of a session that erases: what is not copied is the place itself.

    Where nothing is pasted, the places of the context are what it erases.
    """
    exemplars = data.get("exemplars")
    if not exemplars and isinstance(data.get("context"), list):
        exemplars = [{"paste": place} for place in data["context"]]
    if not isinstance(exemplars, list):
        return exemplars
    return [
        {"object": one["paste"], **one} if isinstance(one, dict) and "paste" in one else one
        for one in exemplars
    ]


def _pasted_places(exemplars: Any) -> list[Any]:
    """The context of a session without one: the pasted places, as in the original."""
    if not isinstance(exemplars, list):
        return []
    return [one["paste"] for one in exemplars if isinstance(one, dict) and one.get("paste")]


def _unpainted(selection: Any) -> bool:
    """Whether a selection holds no mask, or a mask without a painted spot."""
    mask = selection.get("mask") if isinstance(selection, dict) else None
    if not mask:
        return isinstance(selection, dict) and "mask" in selection
    if not isinstance(mask, str):
        return False
    try:
        return not (decode_mask(mask) >= 1 / 255).any()
    except ValueError:
        return False  # it is told when the session is checked


def _short(name: Any) -> str:
    """A name from a file, short enough for one line."""
    text = " ".join(str(name).split())
    return text if len(text) <= 40 else f"{text[:37]}..."
