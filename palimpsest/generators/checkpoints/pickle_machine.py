"""The stack machine that reads a pickle as data: nothing is imported, nothing is called.

A pickle is a program for a small stack machine. This one implements only the instructions that
build data. A class or function that the pickle names stays a `Named`; what a call of it would have
made is an inert `Record` of the name and the arguments, unless ``answers`` makes plain data of it.
Instructions that data does not need (``INST``, extension codes, references out of the file) are
refused.
"""

from __future__ import annotations

import pickletools
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


class PickleRefused(Exception):
    """A pickle that contains more than data; the text names what."""


class PickleDamaged(Exception):
    """A pickle that is cut short or inconsistent; the text says where."""


@dataclass(frozen=True, eq=False)
class Named:
    """A class or function that the pickle names; only the name is kept."""

    name: str


@dataclass(eq=False)
class Record:
    """What a pickle says of an object: nothing of its class is used, nothing of it is run.

    ``name``: of its class, or of the function that makes it. ``state``: its attributes.
    ``entries``: what it holds, if it is a dictionary; ``items``: if it is a list or a set.
    """

    name: str
    arguments: Any
    state: Any = None
    entries: dict[Any, Any] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class OtherKey:
    """A key of a dictionary that is no text and no number: hashing it could end the process."""

    value: Any


Answers = Mapping[str, Callable[[tuple], Any]]
"""By the name of a function: plain data for its arguments, or None to leave a `Record`."""


def read_one(content: Any, answers: Answers, storage: Callable[[Any], Any] | None = None) -> Any:
    """The tree of the pickle that begins at the position of the file ``content``.

    ``storage``: what a reference out of the pickle stands for; without it such a pickle is
    refused. The position is then that after the pickle. Raises `PickleRefused` and
    `PickleDamaged`.
    """
    try:
        return _Machine(answers, storage).run(content)
    except (ValueError, IndexError, TypeError, KeyError, OverflowError) as problem:
        reason = str(problem).strip().splitlines() or [type(problem).__name__]
        raise PickleDamaged(reason[0][:120]) from problem
    except (struct.error, MemoryError, RecursionError, AttributeError) as problem:
        raise PickleDamaged(type(problem).__name__) from problem


VALUES = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("BINSTRING", "SHORT_BINSTRING", "BYTEARRAY8"),
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    """The instructions of a pickle that build data, on a stack with marks and a memory."""

    def __init__(self, answers: Answers, storage: Callable[[Any], Any] | None) -> None:
        self.answers = answers
        self.storage = storage
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memory: dict[int, Any] = {}

    def run(self, content: Any) -> Any:
        for operation, argument, _ in pickletools.genops(content):
            name = operation.name
            if name in VALUES:
                self.stack.append(argument)
            elif name in CONSTANTS:
                self.stack.append(CONSTANTS[name])
            elif name in TUPLES:
                items = [self.stack.pop() for _ in range(TUPLES[name])]
                self.stack.append(tuple(reversed(items)))
            elif name in ("PROTO", "FRAME"):
                continue
            elif name == "STOP":
                break
            else:
                step = getattr(self, f"_{name.lower()}", None)
                if step is None:
                    raise PickleRefused(f"the instruction {name}")
                step(argument)
        return self.stack.pop()

    def _mark(self, _: Any) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def _since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marked.pop()
        return items

    def _tuple(self, _: Any) -> None:
        items = self._since_mark()
        self.stack.append(tuple(items))

    def _empty_list(self, _: Any) -> None:
        self.stack.append([])

    _empty_set = _empty_list  # the sets of a network hold names that are not needed
    _frozenset = _tuple

    def _empty_dict(self, _: Any) -> None:
        self.stack.append({})

    def _extend(self, items: list[Any]) -> None:
        filled = self.stack[-1]
        filled = filled.items if isinstance(filled, Record) else filled
        if not isinstance(filled, list):
            raise PickleDamaged("items for an object that is not a list")
        filled.extend(items)

    def _append(self, _: Any) -> None:
        self._extend([self.stack.pop()])

    def _appends(self, _: Any) -> None:
        self._extend(self._since_mark())

    _additems = _appends

    def _update(self, items: list[Any]) -> None:
        filled = self.stack[-1]
        filled = filled.entries if isinstance(filled, Record) else filled
        if not isinstance(filled, dict) or len(items) % 2:
            raise PickleDamaged("entries for an object that is not a dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            filled[plain_key(key)] = value

    def _setitem(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def _setitems(self, _: Any) -> None:
        self._update(self._since_mark())

    def _global(self, argument: str) -> None:
        self.stack.append(_named(*argument.split(" ", 1)))

    def _stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(_named(module, name))

    def _reduce(self, _: Any) -> None:
        arguments, asked = self.stack.pop(), self.stack.pop()
        self.stack.append(answered(self.answers, asked, arguments))

    _newobj = _reduce

    def _newobj_ex(self, _: Any) -> None:
        self.stack.pop()  # arguments by name
        self._reduce(_)

    def _build(self, _: Any) -> None:
        state, changed = self.stack.pop(), self.stack[-1]
        if isinstance(changed, Record):
            changed.state = state
        elif isinstance(changed, Named):
            raise PickleRefused(f"attributes set on {changed.name}")

    def _binpersid(self, _: Any) -> None:
        if self.storage is None:
            raise PickleRefused("the instruction BINPERSID")
        self.stack.append(self.storage(self.stack.pop()))

    def _memoize(self, _: Any) -> None:
        self.memory[len(self.memory)] = self.stack[-1]

    def _binput(self, place: int) -> None:
        self.memory[place] = self.stack[-1]

    _long_binput = _binput

    def _binget(self, place: int) -> None:
        self.stack.append(self.memory[place])

    _long_binget = _binget

    def _pop(self, _: Any) -> None:
        self.stack.pop()

    def _pop_mark(self, _: Any) -> None:
        self._since_mark()


def plain_key(key: Any) -> Any:
    """``key`` if it is text or a number, or else an `OtherKey`."""
    return key if isinstance(key, (str, int, float, bytes, type(None))) else OtherKey(key)


def answered(answers: Answers, asked: Any, arguments: Any) -> Any:
    """What a call of ``asked`` stands for: plain data if ``answers`` knows it, or a `Record`."""
    if not isinstance(asked, (Named, Record)):
        raise PickleRefused(f"a call of a {type(asked).__name__}")
    if isinstance(asked, Named) and asked.name in answers and isinstance(arguments, tuple):
        answer = answers[asked.name](arguments)
        if answer is not None:
            return answer
    return Record(asked.name, arguments)


def _named(module: Any, name: Any) -> Named:
    if not (isinstance(module, str) and isinstance(name, str)):
        raise PickleDamaged("a name that is not text")
    return Named(re.sub(r"[^\w.]", "?", f"{module}.{name}")[:100])
