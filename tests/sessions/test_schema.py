"""Session files: ours and the original's, and one teaching line for each thing wrong with one."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from palimpsest.errors import SessionError
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.sessions.masks import encode_mask
from palimpsest.sessions.schema import Session

GOLDEN = Path(__file__).parents[1] / "golden"


def spot(top: int, left: int, bottom: int, right: int) -> str:
    mask = np.zeros((64, 64), np.float32)
    mask[top:bottom, left:right] = 1
    return encode_mask(mask)


@pytest.fixture
def content() -> dict[str, Any]:
    return {
        "version": 1,
        "model": "church",
        "name": "dome2spire",
        "layer": 6,
        "rank": 1,
        "seed": 1,
        "n": 100,
        "exemplars": [
            {
                "object": {"sample": 3, "mask": spot(8, 8, 24, 24)},
                "paste": {"sample": 5, "mask": spot(16, 16, 32, 32)},
            }
        ],
        "context": [
            {"sample": 7, "mask": spot(16, 16, 24, 24)},
            {"sample": 9, "mask": spot(0, 0, 8, 8)},
        ],
    }


@pytest.fixture(scope="module")
def generator() -> StyleGAN2:
    torch.manual_seed(0)
    return StyleGAN2(32, {4: 8, 8: 8, 16: 8, 32: 8}, style_dim=8, mapping_layers=2).eval()


def test_a_session_comes_back_as_it_was_saved(content: dict[str, Any], tmp_path: Path) -> None:
    session = Session.from_dict(content)
    session.save(tmp_path / "a.json")
    again = Session.load(tmp_path / "a.json")
    assert again == session
    again.save(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert json.loads(session.to_json()) == content
    assert session.samples == (3, 5, 7, 9)


@pytest.mark.parametrize("kind", ["sg2", "pg"])
def test_the_originals_file_loads_unchanged(kind: str) -> None:
    session = Session.load(GOLDEN / f"{kind}_session.json")
    original = json.loads((GOLDEN / f"{kind}_session.json").read_text())
    assert [session.exemplars[0].object.sample, session.exemplars[0].object.mask] == original[
        "object"
    ]
    assert [session.exemplars[0].paste.sample, session.exemplars[0].paste.mask] == original["paste"]
    assert [[s.sample, s.mask] for s in session.context] == original["key"]
    assert session.query is not None and session.query.sample == original["query"][0]
    assert (session.seed, session.n, session.rank, session.layer) == (1, 1000, 1, None)
    assert session.name == f"{kind}_session"


def test_without_context_the_pasted_place_is_the_context(content: dict[str, Any]) -> None:
    del content["context"]
    session = Session.from_dict(content)
    assert session.context == (session.exemplars[0].paste,)
    original = {"object": [3, spot(0, 0, 8, 8)], "paste": [5, spot(0, 0, 9, 9)]}
    assert Session.from_dict(original).context[0].sample == 5


def edited(content: dict[str, Any], path: tuple, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(content)
    here = changed
    for step in path[:-1]:
        here = here[step]
    if value is ...:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return changed


FIRST = ("exemplars", 0)


@pytest.mark.parametrize(
    "path, value, field, reason",
    [
        (
            (*FIRST, "paste", "mask"),
            encode_mask(np.zeros((8, 8))),
            "exemplars[0].paste.mask",
            "empty",
        ),
        (
            (*FIRST, "object", "mask"),
            "data:image/png;base64,AAAA",
            "exemplars[0].object.mask",
            "not an image",
        ),
        (("context", 1, "mask"), "a spot", "context[1].mask", "not an image"),
        (("context", 0, "sample"), 100, "context[0].sample", "0 to 99"),
        (
            (*FIRST, "paste", "sample"),
            -1,
            "exemplars[0].paste.sample",
            "greater than or equal to 0",
        ),
        ((*FIRST, "paste", "sample"), "5", "exemplars[0].paste.sample", "valid integer"),
        (("learning_rate",), 0.05, "learning_rate", "unknown"),
        ((*FIRST, "objekt"), 1, "exemplars[0].objekt", "unknown"),
        (("context", 0, "colour"), 1, "context[0].colour", "unknown"),
        ((*FIRST, "object"), ..., "exemplars[0].object", "missing"),
        ((*FIRST, "paste"), ..., "exemplars[0].paste", "missing"),
        (("exemplars",), ..., "exemplars", "missing"),
        (("exemplars",), [], "exemplars", "at least 1"),
        (("name",), ..., "name", "missing"),
        (("name",), "../../etc", "name", "pattern"),
        (("rank",), 0, "rank", "greater than or equal to 1"),
        (("rank",), 1.5, "rank", "integer"),
        (("version",), 2, "version", "less than or equal to 1"),
        (("seed",), -1, "seed", "greater than or equal to 0"),
        (("source",), [], "source", "at least 1"),
        (("source",), "dome", "source", "array"),
        (("targets",), [""], "targets[0]", "at least 1"),
        (("adds",), "yes", "adds", "boolean"),
        (("least",), 40, "least", "only in a session that adds"),
    ],
)
def test_each_fault_is_one_line_with_file_and_field(
    content: dict[str, Any], tmp_path: Path, path: tuple, value: Any, field: str, reason: str
) -> None:
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(edited(content, path, value)))
    with pytest.raises(SessionError) as caught:
        Session.load(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ") and "\n" not in message
    assert field in message and reason in message


@pytest.mark.parametrize(
    "text, reason",
    [
        ("{", "is not JSON"),
        ("[1, 2]", "holds a list"),
        ("null", "holds null"),
        ('{"a": 1}', "field exemplars is missing"),
        ('{"object": [1, "x"], "key": []}', "field paste is missing"),
        ('{"paste": [1, "x"]}', "field object is missing"),
        ('{"object": [1, "x"], "paste": 4}', "field paste: expected [sample, mask]"),
        ('{"object": [1, "x"], "paste": [1, "x"], "lr": 1}', "field lr is unknown"),
        ("[" * 100000, "is not JSON"),
    ],
)
def test_what_is_no_session_is_told_so(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(SessionError) as caught:
        Session.load(file)
    assert str(caught.value).startswith(f"{file}: ") and reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="no such file"):
        Session.load(tmp_path / "none.json")
    with pytest.raises(SessionError, match="is a folder"):
        Session.load(tmp_path)


def test_a_session_is_checked_against_the_generator(
    content: dict[str, Any], generator: StyleGAN2
) -> None:
    assert Session.from_dict(content).check(generator) == 6
    with pytest.raises(SessionError, match=r"field layer: .* no layer 12; it has 2 to 8"):
        Session.from_dict(content | {"layer": 12}).check(generator)
    # the context covers 2 x 2 and 2 x 2 keys of the 16 x 16
    assert Session.from_dict(content | {"rank": 8}).check(generator) == 6
    with pytest.raises(SessionError, match="field rank: 9 is above the 8 keys"):
        Session.from_dict(content | {"rank": 9}).check(generator)


def test_a_speck_that_covers_no_cell_is_told_so(
    content: dict[str, Any], generator: StyleGAN2
) -> None:
    speck = np.zeros((512, 512), np.float32)
    speck[3, 3] = 1
    content["exemplars"][0]["object"]["mask"] = encode_mask(speck)
    with pytest.raises(SessionError, match=r"exemplars\[0\].object.mask: covers nothing"):
        Session.from_dict(content).check(generator)


JUDGED = {"source": ["sky"], "targets": ["door", "person"], "adds": True, "least": 40}


def test_what_judges_a_session_is_kept_and_may_be_left_out(
    content: dict[str, Any], tmp_path: Path
) -> None:
    plain = Session.from_dict(content)
    assert (plain.source, plain.targets, plain.adds, plain.least) == (None, None, None, None)
    assert not set(JUDGED) & set(json.loads(plain.to_json())), "a file without them stays as it is"
    judged = Session.from_dict(content | JUDGED)
    assert (judged.source, judged.targets) == (("sky",), ("door", "person"))
    judged.save(tmp_path / "judged.json")
    assert Session.load(tmp_path / "judged.json") == judged
    assert Session.from_dict(content | JUDGED | {"adds": False, "least": None}).adds is False


def test_a_class_cannot_both_go_and_come(content: dict[str, Any]) -> None:
    with pytest.raises(SessionError, match="field targets: class 'door' is also a source"):
        Session.from_dict(content | JUDGED | {"source": ["sky", "door"]})


def test_a_session_without_a_layer_takes_that_of_the_statistics(
    content: dict[str, Any], generator: StyleGAN2
) -> None:
    del content["layer"]
    assert Session.from_dict(content).check(generator, layer=5) == 5


def test_how_a_session_is_solved_is_kept_and_may_be_left_out(
    content: dict[str, Any], tmp_path: Path
) -> None:
    assert "solve" not in json.loads(Session.from_dict(content).to_json())
    solved = Session.from_dict(content | {"solve": {"exemplars": 1, "mu": 0.5}})
    assert solved.solve is not None and solved.solve.solver == "newton"
    solved.save(tmp_path / "solved.json")
    assert Session.load(tmp_path / "solved.json") == solved


@pytest.mark.parametrize(
    ("solve", "says"),
    [
        ({"exemplars": 1, "mu": -1.0}, "field solve.mu"),
        ({"exemplars": 99, "mu": 1.0}, "field solve.exemplars: 99 is above"),
        ({"exemplars": 1, "mu": 1.0, "steps": 3}, "known fields: solver, exemplars, mu"),
    ],
)
def test_it_cannot_be_solved_in_any_other_way(content, solve, says) -> None:
    with pytest.raises(SessionError, match=says):
        Session.from_dict(content | {"solve": solve})


def test_sessions_stay_comparable_after_their_masks_were_used(content: dict[str, Any]) -> None:
    one, other = Session.from_dict(content), Session.from_dict(content)
    assert one.exemplars[0].object.pixels.flags.writeable is False
    assert one == other
