"""Lists in sentences."""

from __future__ import annotations

import pytest

from palimpsest.lists_in_words import listed


def test_parts_are_listed_as_a_sentence_lists_them() -> None:
    assert listed(["spires"]) == "spires"
    assert listed(range(1, 3)) == "1 and 2"
    assert listed(iter("abc")) == "a, b and c"
    with pytest.raises(ValueError):
        listed([])
