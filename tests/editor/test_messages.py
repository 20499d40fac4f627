"""Messages of the page are refused with one plain sentence unless they are what they should be."""

from __future__ import annotations

import base64
import json
import struct

import pytest

from palimpsest.editor import messages
from palimpsest.errors import ParameterError
from tests.editor.conftest import spot

GOOD = {
    "type": "select",
    "version": 1,
    "id": 4,
    "role": "paste",
    "sample": 3,
    "mask": spot(1, 1, 9, 9),
}


def png_of(width: int, height: int) -> str:
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
    return "data:image/png;base64," + base64.b64encode(head + bytes(100)).decode()


def test_a_stroke_is_read() -> None:
    found = messages.parse(json.dumps(GOOD))
    assert isinstance(found, messages.Select) and found.exemplar == 0 and found.id == 4


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"version": 2}, "version"),
        ({"type": "format_disk"}, "format_disk"),
        ({"sample": -1}, "sample"),
        ({"sample": 10**9}, "sample"),
        ({"sample": "3"}, "sample"),
        ({"role": "admin"}, "role"),
        ({"path": "/etc/passwd"}, "path"),
        ({"mask": "javascript:alert(1)"}, "PNG"),
        ({"mask": "data:image/png;base64,AAAA"}, "PNG"),
        ({"mask": png_of(60_000, 60_000)}, "60000"),
        ({"mask": "data:image/png;base64," + "A" * 50_000_000}, "50.0 MB"),
    ],
)
def test_what_is_refused(wrong, says) -> None:
    with pytest.raises(ParameterError) as refused:
        messages.parse(json.dumps(GOOD | wrong))
    sentence = str(refused.value)
    assert says in sentence and "\n" not in sentence and len(sentence) < 400


def test_no_message_at_all() -> None:
    for text in ("", "null", "[]", "{}", "{" * 5000):
        with pytest.raises(ParameterError):
            messages.parse(text)


def test_numbers_that_are_none() -> None:
    for value in ("NaN", "Infinity", "1e400"):
        text = f'{{"type": "settings", "version": 1, "strength": {value}}}'
        with pytest.raises(ParameterError):
            messages.parse(text)
