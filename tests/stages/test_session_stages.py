"""The stages `rewrite` and `draw_sessions` as commands: their files, and what bad input gets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from palimpsest.experiments.edits.table_of_edits import edits_table
from palimpsest.generators import load_generator
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.methods.choosing.layers import choose_among_layers
from palimpsest.pipeline.commands import run
from palimpsest.sessions import Session
from palimpsest.sessions.masks import encode_mask
from stages import complete_session, draw_sessions, rewrite
from tests.doubles.brightness import Brightness

GOLDEN = Path(__file__).parents[1] / "golden"
WEIGHTS = GOLDEN / "sg2_checkpoint.safetensors"


def collected(layer: int, folder: Path) -> Path:
    g = load_generator(WEIGHTS, truncation=0.5)
    path = folder / f"layer{layer}.safetensors"
    KeyStatistics.collect(g, layer=layer, n=20, seed=1).save(path)
    return path


@pytest.fixture(scope="module")
def statistics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return collected(6, tmp_path_factory.mktemp("statistics"))


def call(stage: object, **options: object) -> int:
    words = []
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            words += [f"--{name.replace('_', '-')}", str(one)]
    with pytest.raises(SystemExit) as left:
        run(stage.main, words)
    return left.value.code or 0


def good(statistics: Path, tmp_path: Path) -> dict[str, object]:
    return {
        "weights": WEIGHTS,
        "statistics": statistics,
        "session": GOLDEN / "sg2_session.json",
        "method": "newton",
        "settings": '{"mu": 0.1, "iterations": 10, "rank": null}',
        "out": tmp_path / "deep" / "edit.safetensors",
    }


def test_rewrite_writes_an_edit_that_says_where_it_comes_from(
    statistics: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = good(statistics, tmp_path)
    assert call(rewrite, **options) == 0
    told = capsys.readouterr().out.strip()
    assert told.startswith("sg2_session by newton: layer 6, rank 1") and "\n" not in told
    edit = Edit.load(options["out"])
    about = edit.metadata
    assert about["session"] == "sg2_session" and about["method"] == "newton"
    assert about["solver"] == "newton" and about["truncation"] == "0.5"
    assert float(about["loss_after"]) < float(about["loss_before"])
    assert float(about["seconds_in_all"]) > 0
    g = load_generator(WEIGHTS, truncation=0.5)
    assert not edit.apply(g).layer(6).weight.equal(g.layer(6).weight)


@pytest.fixture(scope="module")
def next_statistics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return collected(7, tmp_path_factory.mktemp("statistics"))


def test_rewrite_tries_the_layers_of_all_statistics(
    statistics: Path,
    next_statistics: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(rewrite, "_segmenter", lambda *_: Brightness())
    settings = {
        "source": "dark",
        "targets": ["middle", "bright"],
        "tuning_samples": 6,
        "statistics_samples": 24,
        "mu_grid": [0.1],
        "iterations": 4,
        "refining_steps": 2,
        "refining_samples": 8,
    }
    options = good(statistics, tmp_path) | {"method": "palimpsest", "segmenter": "labels"}
    options["settings"] = json.dumps(settings)
    options["statistics"] = [statistics, next_statistics]
    assert call(rewrite, **options) == 0
    edit = Edit.load(options["out"])
    files = (statistics, next_statistics)
    g, session = load_generator(WEIGHTS, truncation=0.5), Session.load(options["session"])
    both = [KeyStatistics.load(file) for file in files]
    made = choose_among_layers(g, session, both, Brightness(), **settings)
    assert edit.identity == made.identity and edit.metadata["choice"] == made.metadata["choice"]
    tried = json.loads(edit.metadata["choice"])["layers"]
    assert [one["layer"] for one in tried] == [6, 7]
    best = max(tried, key=lambda one: one["value"])["layer"]
    assert f"by palimpsest: layer {best}, rank 1" in capsys.readouterr().out

    # the table of edits names the layer of the edit
    assert edits_table([options["out"]])["layer"].tolist() == [best]


@pytest.mark.parametrize(
    "method, more, reason",
    [
        ("newton", "next", "method newton: edits the session's layer only"),
        ("palimpsest", "same", "statistics: of layer 6 twice; give each layer once"),
        ("palimpsest", "next", "layers 6 and 7: edits of several layers are compared by labels"),
        ("palimpsest", "other", "made with weights_sha256"),
        ("palimpsest", "nearer", "made with truncation = 1, but 0.5 is needed"),
        ("palimpsest", "lacking", "this generator has no layer 17; it has 2 to"),
        ("palimpsest", "none", "none.safetensors: no such file"),
    ],
)
def test_rewrite_tells_statistics_of_several_layers_that_do_not_fit(
    statistics: Path,
    next_statistics: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    method: str,
    more: str,
    reason: str,
) -> None:
    known = KeyStatistics.load(next_statistics)
    changes = {
        "other": {"weights_sha256": "0" * 64},
        "nearer": {"truncation": "1"},
        "lacking": {"layer": "17"},
    }
    file = {"next": next_statistics, "same": statistics}.get(more, tmp_path / f"{more}.safetensors")
    if more in changes:
        known.metadata |= changes[more]
        known.save(file)
    options = good(statistics, tmp_path) | {"method": method, "settings": "{}"}
    assert call(rewrite, **options | {"statistics": [statistics, file]}) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1 and reason in told
    assert not options["out"].exists()


@pytest.mark.parametrize(
    "changed, reason",
    [
        ({"session": "none.json"}, "none.json: no such file"),
        ({"method": "magic"}, "--method: 'magic' is none of"),
        ({"settings": "{mu: 1}"}, "--settings: not a JSON object"),
        ({"settings": "[1]"}, "--settings: not a JSON object"),
        ({"settings": '{"strength": 2}'}, "strength"),
        ({"settings": '{"mu": -1}'}, "mu: should be greater than or equal to 0, not -1"),
        ({"weights": GOLDEN / "pg_checkpoint.safetensors"}, "weights_sha256"),
        ({"statistics": WEIGHTS}, "no second_moment"),
    ],
)
def test_rewrite_tells_bad_input_in_one_line_and_writes_nothing(
    statistics: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changed: dict,
    reason: str,
) -> None:
    options = good(statistics, tmp_path) | changed
    assert call(rewrite, **options) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1 and reason in told
    assert not options["out"].exists()


def test_a_session_with_an_empty_mask_is_told_with_its_file_and_field(
    statistics: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads((GOLDEN / "sg2_session.json").read_text())
    content["paste"][1] = encode_mask(np.zeros((16, 16)))
    bad = tmp_path / "empty.json"
    bad.write_text(json.dumps(content))
    assert call(rewrite, **good(statistics, tmp_path) | {"session": bad}) == 2
    told = capsys.readouterr().err
    assert f"{bad}: field paste.mask: is empty" in told  # as its own form calls it


def test_draw_sessions_draws_all_or_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A random generator shows no domes: the error says so, and leaves no half of a set."""
    from palimpsest.instruments.segmenters.world_segmenter import Architecture, WorldSegmenter
    from palimpsest.worlds import get_world

    classes = tuple(get_world("church").classes)
    architecture = Architecture()
    segmenter = WorldSegmenter(architecture.build(len(classes)), architecture, classes, "church")
    segmenter.save(tmp_path / "segmenter.safetensors")
    options = {
        "weights": WEIGHTS,
        "segmenter": tmp_path / "segmenter.safetensors",
        "model": "church",
        "layer": 6,
        "samples": 8,
        "out_dir": tmp_path / "sessions",
    }
    assert call(draw_sessions, **options) == 2
    told = capsys.readouterr().err
    assert (
        told.startswith("error: session ")
        and "8 surveyed samples" in told
        and told.count("\n") == 1
    )
    assert not (tmp_path / "sessions").exists()

    for changed, reason in [
        ({"layer": 99}, "has no layer 99"),
        ({"session": "dome2castle"}, "--session: dome2castle"),
        ({"samples": 0}, "--samples: 0"),
    ]:
        assert call(draw_sessions, **options | changed) == 2
        assert reason in capsys.readouterr().err


def test_complete_session_fills_in_what_the_original_format_lacks(tmp_path: Path) -> None:
    spot = np.zeros((16, 16), np.float32)
    spot[4:8, 4:8] = 1
    pair = [3, encode_mask(spot)]
    published = tmp_path / "published.json"
    published.write_text(json.dumps({"object": pair, "paste": pair, "key": [pair]}))

    def completed(model: str, name: str) -> Session:
        out = tmp_path / f"{name}.json"
        words = {"session": published, "model": model, "layer": 8, "out": out}
        assert call(complete_session, **words) == 0
        return Session.load(out)

    hat = completed("horse", "hat")
    assert (hat.model, hat.name, hat.layer, hat.rank) == ("horse", "hat", 8, 1)
    assert (hat.source, hat.targets, hat.adds) == (("horse_head",), ("hat",), True)
    of_church = completed("church", "hat")
    assert (of_church.source, of_church.adds) == (None, None), "hats are the horse's"
    assert completed("church", "dome2castle").targets is None
