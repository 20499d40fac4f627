"""Each form of session that the original ships does what it is for, on random networks.

The forms are made here; the files themselves are tried where they are at hand.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from palimpsest.commands.contents import contents_of
from palimpsest.dissection.painted_switches import painted_pairs
from palimpsest.dissection.unit_switches import Switch
from palimpsest.errors import ParameterError, SessionError
from palimpsest.experiments.reflections.painted_scenes import PaintedScenes
from palimpsest.generators.base import Generator
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.memory import KeyStatistics
from palimpsest.memory.swaps import pose_swap
from palimpsest.sessions import HalfSession, Session, erasing, load_session, rewrite
from palimpsest.sessions.places import matching_samples, open_places
from tests.doubles.drawn_forms import FORMS

ORIGINALS = Path(__file__).parents[3] / "shared" / "cases" / "original-sessions"
FILES = sorted(ORIGINALS.rglob("*.json"))
WIDTHS = {4: 16, 8: 16, 16: 16, 32: 16, 64: 4, 128: 4, 256: 4}
LAYER = 8

Networks = dict[str, tuple[Generator, KeyStatistics]]
Used = tuple[int, ...] | None


@pytest.fixture(scope="module")
def networks() -> Networks:
    """Random networks of the published ones' resolution, narrow, with statistics of a layer."""
    found = {}
    for kind, build in {
        "stylegan": lambda: StyleGAN2(256, WIDTHS, style_dim=16, mapping_layers=2),
        "proggan": lambda: ProgressiveGAN(256, WIDTHS, z_dim=16),
    }.items():
        torch.manual_seed(5)
        g = build().eval().requires_grad_(False)
        found[kind] = g, KeyStatistics.collect(g, LAYER, n=8)
    return found


def check_edit(g: Generator, session: Session, stats: KeyStatistics, used: Used = (0,)) -> None:
    """The edit changes something, and brings the goal nearer.

    A direction of a random network may not tell a place from those beside it: this is then said in
    one line, and what the line advises gives an edit.
    """
    try:
        edit = rewrite(g, session, stats, exemplars=used, iterations=3)
    except ParameterError as problem:
        assert "no change along 1 direction" in str(problem) and "raise the rank" in str(problem)
        edit = rewrite(g, session, stats, exemplars=used, iterations=3, rank=4)
    assert edit.coefficients.any()
    assert float(edit.metadata["loss_after"]) < float(edit.metadata["loss_before"])


def check_session(file: Path, g: Generator, stats: KeyStatistics) -> None:
    """The file loads, is described, and does what it is for; what it lacks is told in one line."""
    content = json.loads(file.read_text())
    session = load_session(file)
    facts = contents_of(file).facts
    whole = "erase" in content or bool(content.get("object") and content.get("paste"))
    in_place = "erase" not in content and content.get("object") == content.get("paste")
    assert isinstance(session, Session if whole else HalfSession)
    assert ("lacks" in facts) == (not whole or in_place)
    if not whole:
        with pytest.raises(SessionError, match="has no goal: field (object|paste) is missing"):
            Session.load(file)
    elif in_place:
        with pytest.raises(SessionError, match="are the same place at layer 8, so nothing would"):
            rewrite(g, session, stats)
        assert "--erase" in facts["is for"]
    else:
        check_edit(g, session, stats)
    if "--erase" in facts["is for"]:
        marks = [content["paste"]] if content.get("paste") else content["key"]
        erased = erasing(session, 4)
        assert [[one.paste.sample, one.paste.mask] for one in erased.exemplars] == marks
        check_edit(g, erased, stats)
        check_edit(g, erased, stats, None)

    places = open_places(g, session, LAYER)
    direction = places.directions(stats, rank=1)
    assert direction.shape == (1, stats.units) and places.match(direction[0]) > 0
    torch.testing.assert_close(direction @ direction.T, torch.eye(1))
    scores = places.unit_scores(stats)
    assert scores.shape == (stats.units,) and torch.isfinite(scores).all() and (scores > 0).all()
    found = matching_samples(g, places.layer, direction, n=3)
    assert sorted(one.sample for one in found) == [0, 1, 2]


@pytest.mark.parametrize("kind", ["stylegan", "proggan"])
@pytest.mark.parametrize("form", FORMS)
def test_a_session_in_each_form(networks: Networks, tmp_path: Path, form: str, kind: str) -> None:
    file = tmp_path / f"{form}.json"
    file.write_text(json.dumps(FORMS[form]))
    check_session(file, *networks[kind])


@pytest.mark.parametrize("file", FILES or [None], ids=lambda file: file.stem if file else "none")
def test_the_files_that_the_original_ships(networks: Networks, file: Path | None) -> None:
    if file is None:
        pytest.skip("the original's session files are not at hand")
    kind = file.relative_to(ORIGINALS).parts[0]
    if kind != "reflections":
        check_session(file, *networks[kind])
        return
    g, _ = networks["proggan"]
    found = contents_of(file)
    assert found.kind == "painted scenes" and "stages.invert_reflections" in found.facts["is for"]
    check_scenes(PaintedScenes.load(file), g)


def check_scenes(scenes: PaintedScenes, g: Generator) -> None:
    """Switching units in the painted windows gives pairs whose reflections can be exchanged."""
    tuning, measured = scenes.halves()
    assert len(tuning) + len(measured) == len(scenes) >= 2
    tuning = tuning.first(2, "pairs")
    switch = Switch(4, (0, 1), torch.full((2,), 10.0), torch.full((2,), -5.0))
    on, off = painted_pairs(switch, g, tuning.z(g), tuning.window_areas(g.layer(4).value_size))
    area = tuning.reflection_areas(g.layer(LAYER).value_size)
    swap = pose_swap(g, on, off, area, LAYER)
    assert swap.loss(swap.keys(6), g.layer(6).weight) > 0
