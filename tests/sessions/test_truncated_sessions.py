"""Sessions that were drawn at another truncation than the model's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from palimpsest.errors import SessionError
from palimpsest.generators import load_generator
from palimpsest.generators.truncating import with_truncation
from palimpsest.sessions import Session

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "palimpsest" / "editor" / "examples" / "church" / "domes_become_spires.json"


def test_a_session_of_another_truncation_needs_it(tmp_path: Path) -> None:
    g = load_generator(ROOT / "data" / "weights" / "mini" / "church.safetensors")
    drawn = Session.load(EXAMPLE)
    assert drawn.truncation is None and "truncation" not in drawn.to_json()
    drawn.model_copy(update={"truncation": 0.7}).save(tmp_path / "near.json")
    near = Session.load(tmp_path / "near.json")
    assert near.truncation == 0.7
    with pytest.raises(SessionError, match=r"field truncation: it was drawn at 0\.7"):
        near.check(g)
    assert near.check(with_truncation(g, 0.7)) == drawn.check(with_truncation(g, 0.7)) == 6


def test_a_truncation_is_from_0_to_1() -> None:
    content = Session.load(EXAMPLE).model_dump(mode="json")
    with pytest.raises(SessionError, match="field truncation"):
        Session.from_dict(content | {"truncation": 1.2})
