"""`palimpsest advise`, outside any checkout: the layer and the rank, without a segmenter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from palimpsest import cli
from palimpsest.experiments.layers.advice import advise_rank, probe_for
from palimpsest.experiments.layers.choice import choose_layers
from palimpsest.experiments.layers.probe import OwnValues, distances, probe_layers
from palimpsest.generators.checkpoints.exporting import export_generator
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.memory import KeyStatistics
from palimpsest.pipeline import shipped_models
from palimpsest.sessions import load_session
from palimpsest.sessions.places import open_places
from tests.doubles.drawn_forms import FORMS
from tests.doubles.local_network import local_from

GIVEN = ("--weights", "mine.pt", "--samples", 40)


@pytest.fixture(scope="module")
def network() -> ProgressiveGAN:
    """A random network whose layers can be told apart by their pieces."""
    return local_from(4)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, network) -> None:
    """A folder that is no checkout, with a generator's file and sessions of the original's form."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shipped_models, "CHECKOUT", tmp_path)
    export_generator(network, "mine.pt")
    for name, form in FORMS.items():
        Path(f"{name}.json").write_text(json.dumps(form))


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_the_layer_that_the_probe_names_is_advised(network, capsys) -> None:
    assert run("advise", *GIVEN, "--probed", 8) == 0
    shown = capsys.readouterr()
    expected = choose_layers(
        distances(probe_layers(network, OwnValues(network), probe_for(network, 8)))
    )
    assert expected.layer == 4
    head, *rows = [line.split() for line in shown.out.strip().splitlines()]
    assert head == ["layer", "distance"]
    assert [int(row[0]) for row in rows] == list(expected.curve) == [3, 4, 5, 6]
    assert [row[0] for row in rows if "first" in row] == ["4"]
    assert shown.err.startswith("layer 4: pieces of 4 and 8 px made by layer 4 alone")


def test_the_rank_of_a_context_is_advised(network, capsys) -> None:
    assert run("advise", "context_alone.json", *GIVEN, "--layer", 5) == 0
    shown = capsys.readouterr()
    stats = KeyStatistics.collect(network, 5, n=40)
    advice = advise_rank(open_places(network, load_session("context_alone.json"), 5), stats)
    head, *rows = [line.split() for line in shown.out.strip().splitlines()]
    assert head == ["rank", "context", "covered"]
    assert [row[0] for row in rows if row[-1] == "advised"] == [str(advice.rank)]
    assert [row[1] for row in rows][0] == f"{100 * advice.covered[1]:.0f}"
    assert f"layer 5, rank {advice.rank}: " in shown.err and advice.why in shown.err


def test_with_a_goal_each_rank_is_solved(capsys) -> None:
    assert run("advise", "with_context.json", *GIVEN, "--layer", 5) == 0
    head, *rows = [line.split() for line in capsys.readouterr().out.strip().splitlines()]
    assert head[3:] == ["goal", "left", "change", "elsewhere"]
    left = [float(row[3]) for row in rows]
    assert left[0] < 100 and left == sorted(left, reverse=True)
    assert all(float(row[5]) > 0 for row in rows)


def test_layer_and_rank_are_advised_at_once(capsys) -> None:
    assert run("advise", "context_alone.json", *GIVEN, "--probed", 8) == 0
    told = capsys.readouterr().err.strip().splitlines()
    assert told[0].startswith("layer 4: ") and told[-1].startswith("layer 4, rank ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--weights", "mine.pt", "--layer", 5), "--layer: the rank is that of a session's rule"),
        (("nowhere.json", "--weights", "mine.pt"), "nowhere.json"),
        (("context_alone.json", "--weights", "mine.pt", "--layer", 99), "no layer 99"),
        (("context_alone.json", "--weights", "mine.pt", "--of", "object"), "field object is"),
    ],
)
def test_what_cannot_be_advised_is_said_in_one_line(arguments, message, capsys) -> None:
    assert run("advise", *arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and message in lines[0]
