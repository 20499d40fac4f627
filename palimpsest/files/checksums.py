"""The checksum in a file of arrays, and how a file without one is told from a damaged one.

A ``.safetensors`` file has one metadata entry, ``palimpsest``, a JSON document::

    {"checksum":"<64 hex digits>","format":2,"metadata":{"layer":"6", ...}}

The checksum is the sha256 of this document with zeros for the 64 digits, then of the name, type,
shape and bytes of every array, in the order of the names. It does not depend on the layout of the
header, so any writer of safetensors may write the file again. A ``.npz`` file ends in a comment
with the sha256 of everything before the digits. A ``.parquet`` file has it among the entries of its
footer: the sha256 of the whole file with zeros for the digits.

All forms can be told from version 1 (no checksum) by two marks at fixed places: one flipped bit
cannot remove both, so it cannot make a file pass for one of version 1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

KEY = "palimpsest"
FORMAT = 2
DIGITS = 64

PARQUET_ENTRY = "palimpsest.checksum"

_BEFORE, _AFTER = '{"checksum":"', '","format":'
_NO_DIGITS = "0" * DIGITS
_COMMENT = b"palimpsest sha256 "
_END_OF_ZIP = b"PK\x05\x06"
_END_SIZE = 22  # bytes of the record that ends a zip archive without a comment


class Damaged(Exception):
    """The content is not what was written."""


class NewerFormat(Exception):
    """A later release wrote the file."""


def document_of(entries: Mapping[str, str], arrays: Mapping[str, Tensor]) -> dict[str, str]:
    """The metadata of a ``.safetensors`` file: `KEY` and the JSON document with the checksum.

    ``entries``: what `entries_of` gives back. ``arrays``: contiguous tensors on the CPU.
    """
    text = json.dumps(
        {"checksum": _NO_DIGITS, "format": FORMAT, "metadata": dict(sorted(entries.items()))},
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return {KEY: _with_digits(text, content_digest(text, arrays))}


def entries_of(
    metadata: Mapping[str, str], arrays: Mapping[str, Tensor] | None = None
) -> dict[str, str]:
    """The entries of a file's ``metadata``; of version 1 it is the metadata itself.

    ``arrays``: the file's content, compared with the checksum; None compares nothing. Raises
    `Damaged` for another checksum or a document that cannot be read, `NewerFormat` for one of a
    later release.
    """
    marked = [name for name, text in metadata.items() if _is_marked(text)]
    if not marked:
        return dict(metadata)
    if marked != [KEY] or len(metadata) != 1:
        raise Damaged("its metadata is not one document")
    text = metadata[KEY]
    held = text[len(_BEFORE) : len(_BEFORE) + DIGITS]
    if arrays is not None and content_digest(_with_digits(text, _NO_DIGITS), arrays) != held:
        raise Damaged("another checksum than its metadata says, so it is not what was written")
    try:
        document = json.loads(text)
        version, entries = document["format"], document["metadata"]
        if not all(isinstance(value, str) for value in entries.values()):
            raise ValueError("an entry is no text")
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise Damaged(f"its metadata cannot be read ({problem})") from None
    if version != FORMAT:
        raise NewerFormat(
            f"an array file of version {version}; this release reads versions up to {FORMAT}, so "
            "update Palimpsest"
        )
    return dict(entries)


def content_digest(document: str, arrays: Mapping[str, Tensor]) -> str:
    """The sha256 over ``document`` and ``arrays``, as the module says."""
    # imported here: slow to load, and only files of tensors need it
    import torch

    digest = hashlib.sha256(document.encode())
    for name in sorted(arrays):
        tensor = arrays[name]
        digest.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def write_ending(path: Path) -> None:
    """Add the comment with the checksum to a zip archive that has no comment."""
    size = len(_COMMENT) + DIGITS
    with open(path, "r+b") as file:
        file.seek(-2, 2)  # the length of the comment, the last field of the archive
        file.write(size.to_bytes(2, "little"))
        file.write(_COMMENT)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0, 2)
        file.write(digest.encode())


def check_ending(path: Path) -> None:
    """Compare a zip archive with the checksum in its comment; one without a comment passes.

    Raises `Damaged`.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(max(0, size - _END_SIZE))
        end = file.read()
        if end.startswith(_END_OF_ZIP) and end.endswith(b"\0\0"):
            return  # no comment: version 1
        file.seek(0)
        whole = file.read()
    content, held = whole[:-DIGITS], whole[-DIGITS:]
    if not content.endswith(_COMMENT) or not whole.startswith(b"PK"):
        raise Damaged("its end is not that of a file that was written whole")
    if hashlib.sha256(content).hexdigest().encode() != held:
        raise Damaged("another checksum than it ends in, so it is not what was written")


def parquet_entry() -> tuple[str, str]:
    """Name and text of the metadata entry that `write_in_parquet` fills."""
    return PARQUET_ENTRY, _COMMENT.decode() + _NO_DIGITS


def write_in_parquet(path: Path) -> None:
    """Write the checksum into a ``.parquet`` file whose footer has the `parquet_entry`."""
    content = path.read_bytes()
    start = content.index(_COMMENT) + len(_COMMENT)
    with open(path, "r+b") as file:
        file.seek(start)
        file.write(hashlib.sha256(content).hexdigest().encode())


def check_parquet(content: bytes) -> None:
    """Compare the bytes of a ``.parquet`` file with its checksum; without the entry they pass.

    Raises `Damaged`.
    """
    entry, mark = content.find(PARQUET_ENTRY.encode()), content.find(_COMMENT)
    if entry == mark == -1:
        return  # version 1, or another program's file
    start = mark + len(_COMMENT)
    held = content[start : start + DIGITS]
    whole = hashlib.sha256(content[:start])
    whole.update(_NO_DIGITS.encode())
    whole.update(content[start + DIGITS :])
    if -1 in (entry, mark) or whole.hexdigest().encode() != held:
        raise Damaged("another checksum than it holds, so it is not what was written")


def _is_marked(text: str) -> bool:
    after = len(_BEFORE) + DIGITS
    return text.startswith(_BEFORE) or text[after : after + len(_AFTER)] == _AFTER


def _with_digits(text: str, digits: str) -> str:
    start = len(_BEFORE)
    return text[:start] + digits + text[start + DIGITS :]
