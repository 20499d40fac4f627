"""`palimpsest statistics`, `rewrite`, `edits` and `export`, outside any checkout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from palimpsest import cli
from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.checkpoints.exporting import export_generator
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.memory.composed_edits import composed, parts_of
from palimpsest.methods.registry import edit_by
from palimpsest.pipeline import shipped_models
from palimpsest.sessions.schema import Solving


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, generator):
    """A folder that is no checkout, with a StyleGAN2 file of the common layout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shipped_models, "CHECKOUT", tmp_path)
    export_generator(generator, "mine.pt")


def an_edit(g, layer, seed=0):
    torch.manual_seed(seed)
    m, n = g.layer(layer).weight.shape[:2]
    metadata = {"layer": str(layer), "weights_sha256": g.weights_sha256, "session": f"s{seed}"}
    return Edit(torch.randn(1, n), torch.randn(m, 1, 3, 3), metadata)


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def refused(capsys, message, *arguments):
    assert run(*arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and message in lines[0]
    return True


def test_a_session_is_rewritten_as_the_library_does(generator, session, capsys):
    session.save("patch.json")
    given = ("rewrite", "patch.json", "--weights", "mine.pt", "--out", "patch.safetensors")
    assert run(*given, "--samples", 20, "--settings", '{"mu": 0.1, "iterations": 2}') == 0
    assert "patch by newton: layer 6, rank 1" in capsys.readouterr().err
    stats = KeyStatistics.load("patch-statistics.safetensors", {"n": 20, "seed": 1, "layer": 6})
    edit = edit_by("newton", generator, session, stats, mu=0.1, iterations=2)
    assert Edit.load("patch.safetensors").identity == edit.identity
    assert Edit.load("patch.safetensors").metadata["session"] == "patch"
    again = ("--out", "again.safetensors", "--statistics", "patch-statistics.safetensors")
    assert run(*given[:4], *again, "--settings", '{"mu": 0.1, "iterations": 2}') == 0
    assert Edit.load("again.safetensors").identity == edit.identity


def test_a_session_that_says_how_it_is_solved_is_solved_so(generator, session):
    solve = Solving(solver="newton", exemplars=1, mu=0.7)
    session.model_copy(update={"solve": solve}).save("patch.json")
    assert run("statistics", "--weights", "mine.pt", "--layer", 6, "--samples", 20,
               "--out", "six.safetensors") == 0  # fmt: skip
    assert run("rewrite", "patch.json", "--weights", "mine.pt", "--statistics", "six.safetensors",
               "--settings", '{"iterations": 2}', "--out", "a.safetensors") == 0  # fmt: skip
    stats = KeyStatistics.load("six.safetensors")
    edit = edit_by("newton", generator, session, stats, mu=0.7, iterations=2)
    assert Edit.load("a.safetensors").identity == edit.identity


def test_an_exported_stylegan2_file_holds_the_edit(generator):
    edit = an_edit(generator, 6)
    edit.save("hat.safetensors")
    given = ("--weights", "mine.pt", "--edit", "hat.safetensors", "--strength", 0.5)
    assert run("export", *given, "--out", "hat.pt") == 0
    z = sample_z(generator, 2)
    assert torch.equal(load_generator("hat.pt")(z), edit.apply(generator, 0.5)(z))


def test_composed_edits_do_what_both_do_and_come_apart_again(generator):
    first, second = an_edit(generator, 6, 1), an_edit(generator, 6, 2)
    first.save("a.safetensors")
    second.save("b.safetensors")
    strengths = ("--strength", 1, "--strength", 0.5)
    given = ("edits", "compose", "a.safetensors", "b.safetensors", *strengths)
    assert run(*given, "--out", "both.safetensors") == 0
    both, z = Edit.load("both.safetensors"), sample_z(generator, 2)
    wanted = second.apply(first.apply(generator), 0.5)(z)
    assert both.rank == 2 and torch.allclose(both.apply(generator)(z), wanted, atol=1e-3)
    assert run("edits", "remove", "both.safetensors", "--edit", "b.safetensors",
               "--out", "left.safetensors") == 0  # fmt: skip
    assert Path("left.safetensors").read_bytes() == Path("a.safetensors").read_bytes()


def test_a_composed_edit_can_be_composed_again(generator):
    parts = [(f"e{i}", an_edit(generator, 6, i), 1.0) for i in range(3)]
    nested = composed([("two", composed(parts[:2]), 0.5), parts[2]])
    told = [(part["name"], part["strength"]) for part in parts_of(nested)]
    assert told == [("e0", 0.5), ("e1", 0.5), ("e2", 1.0)]
    change = 0.5 * (parts[0][1].delta() + parts[1][1].delta()) + parts[2][1].delta()
    assert torch.allclose(nested.delta(), change, atol=1e-5)


def test_edits_of_a_folder_are_listed(generator, capsys):
    Path("kept").mkdir()
    an_edit(generator, 6, 1).save("kept/a.safetensors")
    an_edit(generator, 7, 2).save("kept/b.safetensors")
    KeyStatistics.collect(generator, 6, 4).save("kept/c.safetensors")
    assert run("edits", "list", "kept") == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [["6", "1", "s1"], ["7", "1", "s2"]]
    assert all(generator.weights_sha256[:12] in line for line in lines[1:])


def test_bad_input_is_one_line_and_no_file(generator, session, capsys):
    an_edit(generator, 6, 1).save("a.safetensors")
    an_edit(generator, 7, 2).save("b.safetensors")
    session.model_copy(update={"layer": None}).save("open.json")
    out = ("--out", "out.safetensors")
    assert refused(capsys, "one file holds one layer", "edits", "compose", "a.safetensors",
                   "b.safetensors", *out)  # fmt: skip
    assert refused(capsys, "is not composed", "edits", "remove", "a.safetensors", "--edit",
                   "b.safetensors", *out)  # fmt: skip
    assert refused(capsys, "so it is not an edit", "edits", "list", saved(generator))
    assert refused(capsys, "is also the input file", "export", "--weights", "mine.pt", "--out",
                   "mine.pt")  # fmt: skip
    assert refused(capsys, "no layer 99", "statistics", "--weights", "mine.pt", "--layer", 99, *out)
    weights = ("--weights", "mine.pt")
    assert refused(capsys, "names no layer", "rewrite", "open.json", *weights, *out)
    assert refused(capsys, "'best' is none of", "rewrite", "open.json", *weights, *out, "--method",
                   "best")  # fmt: skip
    damaged = Edit.load("a.safetensors")
    metadata = {**damaged.metadata, "composed": json.dumps([{"rank": 5}])}
    Edit(damaged.directions, damaged.coefficients, metadata).save("c.safetensors")
    assert refused(capsys, "c.safetensors: damaged", "edits", "remove", "c.safetensors", "--edit",
                   "a.safetensors", *out)  # fmt: skip
    assert not Path("out.safetensors").exists()


def saved(generator):
    KeyStatistics.collect(generator, 6, 4).save("stats.safetensors")
    return "stats.safetensors"
