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
from palimpsest.sessions.schema import HalfSession, Session, load_session

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
        (("exemplars",), [], "exemplars", "missing"),
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


SPOT = spot(8, 8, 24, 24)
EMPTY = encode_mask(np.zeros((8, 8)))


@pytest.mark.parametrize(
    ("original", "missing", "drawn"),
    [
        ({"key": [[7, SPOT], [9, SPOT]]}, "object", ["context[0]", "context[1]"]),
        ({"object": None, "paste": [3, SPOT]}, "object", ["exemplars[0].paste", "context[0]"]),
        ({"object": [3, SPOT], "key": []}, "paste", ["exemplars[0].object"]),
        ({"query": [3, SPOT]}, "object", ["query"]),
    ],
)
def test_a_half_made_file_of_the_original_loads_as_half_a_session(
    tmp_path: Path, generator: StyleGAN2, original: dict, missing: str, drawn: list[str]
) -> None:
    file = tmp_path / "mark on wall.json"
    file.write_text(json.dumps(original))
    half = load_session(file)
    assert isinstance(half, HalfSession) and half.missing == missing
    assert [name for name, _ in half.selections()] == drawn
    assert (half.name, half.layer, half.n) == ("mark_on_wall", None, 1000)
    assert half.check(generator, 6) == 6
    with pytest.raises(SessionError, match="no layer 12"):
        half.check(generator, 12)
    half.save(tmp_path / "ours.json")
    assert load_session(tmp_path / "ours.json") == half
    with pytest.raises(SessionError, match=f"has no goal: field {missing} is missing"):
        Session.load(file)


def test_a_complete_file_loads_as_a_session(content: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "whole.json").write_text(json.dumps(content))
    assert load_session(tmp_path / "whole.json") == Session.from_dict(content)
    del content["exemplars"]
    (tmp_path / "half.json").write_text(json.dumps(content))
    assert isinstance(load_session(tmp_path / "half.json"), HalfSession)


@pytest.mark.parametrize("original", [{"object": None}, {"key": []}, {"query": [1, EMPTY]}])
def test_a_session_without_a_stroke_is_refused(tmp_path: Path, original: dict) -> None:
    (tmp_path / "a.json").write_text(json.dumps(original))
    with pytest.raises(SessionError, match="nothing is drawn in this session"):
        load_session(tmp_path / "a.json")


def test_a_byte_order_mark_is_read_over(content: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(content), encoding="utf-8-sig")
    assert Session.load(tmp_path / "a.json") == Session.from_dict(content)


def test_the_originals_samples_have_no_end() -> None:
    original = {"object": [3, SPOT], "paste": [1000, SPOT], "key": [[7, SPOT]]}
    assert Session.from_dict(original).n == 1001
    assert Session.from_dict(original | {"query": [4321, SPOT]}).n == 4322


@pytest.mark.parametrize("query", [[7, EMPTY], [7, ""], [7, None], None, []])
def test_an_unpainted_query_counts_as_none(content: dict[str, Any], query: Any) -> None:
    original = {"object": [3, SPOT], "paste": [5, SPOT], "query": query}
    assert Session.from_dict(original).query is None
    if query:
        content["query"] = {"sample": 7, "mask": query[1]}
        assert Session.from_dict(content).query is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"key": {"7": SPOT}}, "field key: expected a list of [sample, mask], got an object"),
        ({"key": SPOT}, "field key: expected a list of [sample, mask], got a text"),
        ({"key": [SPOT]}, "field key[0]: expected [sample, mask], got a text"),
        ({"key": [[SPOT, 7]]}, "field key[0].sample: input should be a valid integer"),
        ({"key": [[7, SPOT], [7, SPOT[:60]]]}, "field key[1].mask: is not an image"),
        ({"key": [[7, SPOT[22:]]]}, "field key[0].mask: is not an image"),
        ({"paste": [7, [SPOT]]}, "field paste.mask: input should be a valid string"),
        ({"object": [7, EMPTY]}, "field object.mask: is empty"),
        ({SPOT: 1}, "is unknown"),
        ({"exemplars": [{"object": {SPOT: 1}, "paste": {}}]}, "is missing"),
    ],
)
def test_no_message_holds_a_mask(tmp_path: Path, fields: dict, message: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"object": [3, SPOT], "paste": [5, SPOT]} | fields))
    for load in (Session.load, load_session):
        with pytest.raises(SessionError) as caught:
            load(file)
        text = str(caught.value).removeprefix(f"{file}: ")
        assert message in text and len(text) < 250 and SPOT[22:60] not in text


def test_no_message_holds_a_mask_as_the_name_of_a_field(content: dict[str, Any]) -> None:
    for path in ((SPOT,), (*FIRST, "object", SPOT), ("context", 0, SPOT)):
        with pytest.raises(SessionError, match="is unknown; known fields: ") as caught:
            Session.from_dict(edited(content, path, 1))
        assert SPOT[22:60] not in str(caught.value)


ORIGINALS = Path(__file__).parents[3] / "shared" / "cases" / "original-sessions"
FILES = sorted(ORIGINALS.rglob("*.json")) or [None]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem if file else "none")
def test_the_files_that_the_original_ships(file: Path | None, tmp_path: Path) -> None:
    if file is None:
        pytest.skip("the original's session files are not at hand")
    data = json.loads(file.read_text())
    if not {"object", "paste", "key", "query"} & data.keys():
        with pytest.raises(SessionError, match="is not a session: field exemplars is missing"):
            load_session(file)
        return
    found = load_session(file)
    whole = bool(data.get("object") and data.get("paste"))
    assert isinstance(found, Session) == whole
    for name in ("object", "paste"):
        drawn = [s for field, s in found.selections() if field == f"exemplars[0].{name}"]
        assert [[s.sample, s.mask] for s in drawn] == [data.get(name)] * bool(data.get(name))
    keys = data.get("key") or [data["paste"]]
    assert [[s.sample, s.mask] for s in found.context] == keys
    found.save(tmp_path / "ours.json")
    assert load_session(tmp_path / "ours.json") == found
    (tmp_path / "marked.json").write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert load_session(tmp_path / "marked.json").context == found.context


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


ERASES = {
    "erase": 12,
    "exemplars": [{"paste": {"sample": 5, "mask": spot(16, 16, 32, 32)}}],
}


def test_a_session_that_erases_copies_nothing(content: dict[str, Any], tmp_path: Path) -> None:
    assert "erase" not in json.loads(Session.from_dict(content).to_json())
    erasing = Session.from_dict(content | ERASES)
    assert erasing.exemplars[0].object == erasing.exemplars[0].paste
    erasing.save(tmp_path / "erasing.json")
    assert Session.load(tmp_path / "erasing.json") == erasing
    held = json.loads((tmp_path / "erasing.json").read_text())
    assert list(held["exemplars"][0]) == ["paste"], "the place is written once"
    with pytest.raises(SessionError, match="field erase: nothing is copied"):
        Session.from_dict(content | {"erase": 12})


def test_an_erased_session_leaves_some_units(content: dict[str, Any], generator: StyleGAN2) -> None:
    units = generator.layer(6).weight.shape[1]
    erasing = Session.from_dict(content | ERASES | {"erase": units})
    with pytest.raises(SessionError, match=f"field erase: layer 6 has {units} units"):
        erasing.check(generator)
