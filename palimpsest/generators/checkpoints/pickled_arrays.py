"""NumPy arrays and numbers within a plain pickle, from the records of `pickle_machine`."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from palimpsest.generators.checkpoints.pickle_machine import PickleDamaged, Record

NUMBERS = re.compile(r"f[248]|[iu][1248]")  # real and whole numbers; objects are never built


def stored_array(thing: Any) -> np.ndarray | None:
    """The array or number ``thing`` of a pickle; None if it is neither.

    The array is a view of the pickle's bytes, in any of NumPy's forms: protocol 2 to 5, Python 2.
    Raises `PickleDamaged` where sizes, type and bytes do not fit.
    """
    if isinstance(thing, (bool, int, float)):
        return np.asarray(thing)
    if not isinstance(thing, Record):
        return None
    call = thing.name.rpartition(".")[2]
    if call == "_reconstruct":
        _, shape, kind, fortran, raw = _parts(thing.state, 5)
        return _array(raw, kind, shape, "F" if fortran else "C")
    if call == "_frombuffer":
        raw, kind, shape, order = _parts(thing.arguments, 4)
        return _array(raw, kind, shape, "F" if order == "F" else "C")
    if call == "scalar":
        kind, raw = _parts(thing.arguments, 2)
        return _array(raw, kind, (), "C")
    return None


def _parts(parts: Any, count: int) -> tuple:
    if not isinstance(parts, tuple) or len(parts) != count:
        raise PickleDamaged("an array without its parts")
    return parts


def _array(raw: Any, kind: Any, shape: Any, order: str) -> np.ndarray:
    dtype, content = _dtype(kind), _bytes(raw)
    if not isinstance(shape, tuple) or len(shape) > 8:
        raise PickleDamaged("an array without a shape")
    count = 1
    for side in shape:
        if type(side) is not int or not 0 <= side < 2**40:
            raise PickleDamaged("an array with invalid sizes")
        count *= side
    if len(content) != count * dtype.itemsize:
        raise PickleDamaged(f"an array of shape {shape} over {len(content)} bytes")
    flat = np.frombuffer(content, dtype) if count else np.empty(0, dtype)
    return flat.reshape(shape, order=order)


def _dtype(kind: Any) -> np.dtype:
    if not (isinstance(kind, Record) and kind.name == "numpy.dtype"):
        raise PickleDamaged("an array without its type")
    code = _first(kind.arguments)
    if not (isinstance(code, str) and NUMBERS.fullmatch(code)):
        raise PickleDamaged("an array of other things than numbers")
    order = kind.state[1] if isinstance(kind.state, tuple) and len(kind.state) > 1 else "="
    if order not in ("<", ">", "=", "|"):
        raise PickleDamaged("an array without the order of its bytes")
    return np.dtype(code).newbyteorder(order)


def _bytes(raw: Any) -> bytes:
    """Bytes as Python 3 writes them, as text in protocol 2, and as the strings of Python 2."""
    if isinstance(raw, (bytes, bytearray)):
        return raw
    if isinstance(raw, Record) and raw.name == "_codecs.encode":
        raw = _first(raw.arguments)
    if isinstance(raw, str):
        try:
            return raw.encode("latin-1")
        except UnicodeEncodeError as problem:
            raise PickleDamaged("numbers of an array as text") from problem
    raise PickleDamaged(f"numbers of an array as {type(raw).__name__}")


def _first(arguments: Any) -> Any:
    return arguments[0] if isinstance(arguments, tuple) and arguments else None
