"""`palimpsest search`, `units`, `direction` and `rewrite --erase`, outside any checkout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from palimpsest import cli
from palimpsest.generators.checkpoints.exporting import export_generator
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.memory.direction_files import Directions
from palimpsest.pipeline import shipped_models
from palimpsest.sessions import erasing, load_session, rewrite
from palimpsest.sessions.places import matching_samples, open_places
from tests.doubles.drawn_forms import FORMS

GIVEN = ("--weights", "mine.pt", "--layer", 6, "--samples", 20)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, generator):
    """A folder that is no checkout, with a StyleGAN2 file of the common layout and sessions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shipped_models, "CHECKOUT", tmp_path)
    export_generator(generator, "mine.pt")
    for name, form in FORMS.items():
        Path(f"{name}.json").write_text(json.dumps(form))


@pytest.fixture(scope="module")
def statistics(generator):
    return KeyStatistics.collect(generator, 6, n=20)


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def refused(capsys, message, *arguments):
    before = sorted(Path().iterdir())
    assert run(*arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and message in lines[0], lines
    assert sorted(Path().iterdir()) == before


def listed(capsys, *arguments):
    assert run(*arguments) == 0
    return [line.split() for line in capsys.readouterr().out.strip().splitlines()]


@pytest.mark.parametrize("form", FORMS)
def test_each_form_can_be_searched_with(form, generator, statistics, capsys):
    head, *rows = listed(
        capsys, "search", f"{form}.json", *GIVEN, "--searched", 15, "--count", 4, "--out", "a.png"
    )
    assert head == ["sample", "match", "row", "column"]
    places = open_places(generator, load_session(f"{form}.json"), 6)
    direction = places.directions(statistics, rank=1)
    found = matching_samples(generator, places.layer, direction, 15)[:4]
    assert [int(row[0]) for row in rows] == [one.sample for one in found]
    usual = places.match(direction[0])
    for row, one in zip(rows, found, strict=True):
        assert float(row[1]) == pytest.approx(one.strength / usual, abs=0.02)
    with Image.open("a.png") as sheet:
        assert sheet.height < 64 < sheet.width, "four samples in a row"


def test_units_and_direction_of_a_context(generator, statistics, capsys):
    head, *rows = listed(capsys, "units", "context_alone.json", *GIVEN, "--count", 5)
    places = open_places(generator, load_session("context_alone.json"), 6)
    scores = places.unit_scores(statistics)
    assert head == ["unit", "energy"] and len(rows) == 5
    assert [int(row[0]) for row in rows] == scores.argsort(descending=True).tolist()[:5]
    assert (
        run("direction", "context_alone.json", *GIVEN, "--rank", 2, "--out", "d.safetensors") == 0
    )
    assert "layer 6, rank 2, match at the marked places" in capsys.readouterr().err
    found = Directions.load("d.safetensors")
    torch.testing.assert_close(found.rows, places.directions(statistics, 2), atol=1e-4, rtol=0)
    told = dict(
        line.split("  ", 1)
        for line in listed_text(capsys, "info", "d.safetensors", "--weights", "mine.pt")
    )
    assert (told["kind"].strip(), told["fits"].strip()) == ("directions", "mine.pt")


def listed_text(capsys, *arguments):
    assert run(*arguments) == 0
    return capsys.readouterr().out.strip().splitlines()


@pytest.mark.parametrize("form", ["context_alone", "context_and_object", "in_place"])
def test_what_has_no_goal_is_refused_and_can_be_erased(form, generator, statistics, capsys):
    message = {
        "context_alone": "has no goal: field object is missing",
        "context_and_object": "has no goal: field paste is missing",
        "in_place": "object and paste are the same place at layer 6",
    }[form]
    given = ("rewrite", f"{form}.json", *GIVEN, "--out", "a.safetensors")
    refused(capsys, message, *given)
    assert run(*given, "--erase", 3, "--settings", '{"iterations": 3}') == 0
    assert "loss " in capsys.readouterr().err
    session = erasing(load_session(f"{form}.json"), 3)
    edit = rewrite(generator, session, statistics, exemplars=None, iterations=3)
    found = Edit.load("a.safetensors")
    assert found.identity == edit.identity and found.coefficients.any()
    assert len(found.metadata["silent"].split(",")) == 3
    about = found.metadata["exemplars"]
    assert about == ",".join(map(str, range(len(session.exemplars))))


def test_a_file_can_say_that_it_erases(generator, statistics):
    """One goal for each place, as with --erase."""
    (held := dict(FORMS["erase_in_the_file"])).pop("erase")
    Path("bare.json").write_text(json.dumps(held))
    quick = ("--settings", '{"iterations": 3}')
    assert run("rewrite", "erase_in_the_file.json", *GIVEN, *quick, "--out", "a.safetensors") == 0
    assert run("rewrite", "bare.json", *GIVEN, *quick, "--erase", 2, "--out", "b.safetensors") == 0
    assert Edit.load("a.safetensors").identity == Edit.load("b.safetensors").identity


def test_statistics_can_be_kept_and_used_again(capsys):
    kept = ("--statistics", "six.safetensors")
    first = listed(capsys, "units", "context_alone.json", *GIVEN, *kept)
    assert KeyStatistics.load("six.safetensors").metadata["n"] == "20"
    again = listed(capsys, "units", "context_alone.json", "--weights", "mine.pt", *kept)
    assert again == first


def test_bad_input_is_one_line_and_no_file(capsys):
    out = ("--out", "d.safetensors")
    refused(capsys, "--layer: session context_alone names no layer",
            "direction", "context_alone.json", "--weights", "mine.pt", *out)  # fmt: skip
    refused(capsys, "has no layer 40",
            "units", "context_alone.json", "--weights", "mine.pt", "--layer", 40)  # fmt: skip
    refused(capsys, "field query is missing",
            "search", "copy_and_paste.json", *GIVEN, "--of", "query")  # fmt: skip
    refused(capsys, "is not a .png", "search", "context_alone.json", *GIVEN, "--out", "a.txt")
    refused(capsys, "no such file", "units", "none.json", *GIVEN)
    refused(capsys, "layer 6 has 12 units",
            "rewrite", "context_alone.json", *GIVEN, "--erase", 12, *out)  # fmt: skip
