"""`palimpsest statistics`, `rewrite`, `edits` and `export`, outside any checkout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from palimpsest import cli
from palimpsest.commands.contents import contents_of, fits
from palimpsest.generators import load_generator, sample_z, save_generator
from palimpsest.generators.checkpoints.exporting import export_generator
from palimpsest.instruments import loading
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.memory.composed_edits import composed, parts_of
from palimpsest.methods.choosing.layers import choose_among_layers
from palimpsest.methods.registry import edit_by
from palimpsest.pipeline import shipped_models
from palimpsest.sessions.schema import Solving

ROOT = Path(__file__).parents[2]


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


def test_an_edit_is_made_on_top_of_another_and_says_so(generator, session, capsys):
    session.save("patch.json")
    hat = an_edit(generator, 6)
    hat.save("hat.safetensors")
    given = ("patch.json", "--weights", "mine.pt", "--on", "hat.safetensors", "--on-strength", 0.5)
    solved = ("--samples", 20, "--settings", '{"mu": 0.1, "iterations": 2}')
    assert run("rewrite", *given, *solved, "--out", "top.safetensors") == 0
    stats = KeyStatistics.load("top-statistics.safetensors")
    top, hatted = Edit.load("top.safetensors"), hat.apply(generator, 0.5)
    for one in (top, stats):
        assert one.metadata["weights_sha256"] == hatted.weights_sha256
        assert one.metadata["made_on"] == f"s0 {hat.identity[:12]} at 0.5"
    assert top.identity == edit_by("newton", hatted, session, stats, mu=0.1, iterations=2).identity

    both = ("--edit", "hat.safetensors", "--edit", "top.safetensors", "--strength", 0.5)
    export = ("export", "--weights", "mine.pt", "--out", "merged.safetensors")
    capsys.readouterr()
    assert refused(capsys, "made on top of s0", *export, "--edit", "top.safetensors")
    assert refused(capsys, "made on top of s0", *export, *both[:4], "--strength", 1)
    assert run(*export, *both, "--strength", 1) == 0
    merged = load_generator("merged.safetensors")
    assert merged.lineage == top.apply(hatted).lineage
    assert run("info", "top.safetensors", "--weights", "merged.safetensors") == 0
    shown = capsys.readouterr().out
    assert f"s0 {hat.identity[:12]} at 0.5, on {generator.weights_sha256[:12]}" in shown
    assert fits(contents_of(Path("top.safetensors")), {"mine": Path("mine.pt")}) == []
    again = {"mine": Path("merged.safetensors")}
    assert fits(contents_of(Path("top.safetensors")), again) == ["mine"]
    assert fits(contents_of(Path("top-statistics.safetensors")), again) == []
    capsys.readouterr()
    assert (
        run(
            "statistics",
            "--weights",
            "mine.pt",
            "--layer",
            6,
            "--samples",
            20,
            "--on",
            "hat.safetensors",
            "--on-strength",
            0.5,
            "--out",
            "l6.safetensors",
        )
        == 0
    )
    assert torch.equal(KeyStatistics.load("l6.safetensors").second_moment, stats.second_moment)


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


@pytest.fixture
def checkout(tmp_path, generator):
    """A checkout whose church is the small generator, and where a session has settings."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "workflow" / "scales", folder / "workflow" / "scales")
    (folder / "data" / "weights" / "mini").mkdir(parents=True)
    save_generator(generator, folder / "data" / "weights" / "mini" / "church.safetensors")
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    values["models"]["church"] |= {"segmenter": None, "layer": 6, "truncation": 0.8}
    values["statistics"] = {"samples": 20, "seed": 1}
    values["methods"]["palimpsest"] |= {"statistics_samples": 20, "iterations": 2, "mu_grid": [1]}
    own = {"tuning_samples": 8, "tuning_seed": 5}
    values["sessions"]["church"]["patch"] = {"solver": "palimpsest", "methods": {"palimpsest": own}}
    (folder / "params.yaml").write_text(yaml.safe_dump(values))
    return folder


def test_in_a_checkout_a_session_is_solved_as_its_parameters_say(
    checkout, session, tmp_path, monkeypatch, capsys
):
    solve = Solving(solver="newton", exemplars=1, mu=0.7)
    session.model_copy(update={"model": "church", "solve": solve}).save("patch.json")
    session.model_copy(update={"model": "church", "solve": solve, "name": "b"}).save("b.json")
    g = load_generator(checkout / "data/weights/mini/church.safetensors", truncation=0.8)
    stats = KeyStatistics.collect(g, 6, n=20, seed=1)
    given = {"statistics_samples": 20, "iterations": 2, "mu_grid": [1], "exemplars": 8}
    wanted = edit_by(
        "palimpsest", g, session, stats, **given, candidate_exemplars=12, tuning_samples=8,
        tuning_seed=5,
    )  # fmt: skip
    params = ("--params", checkout / "params.yaml")
    assert (
        run("rewrite", "patch.json", "--weights", "church", *params, "--out", "a.safetensors") == 0
    )
    edit = Edit.load("a.safetensors")
    assert edit.identity == wanted.identity and edit.metadata["choice"] == wanted.metadata["choice"]
    assert "patch by palimpsest" in capsys.readouterr().err

    monkeypatch.chdir(checkout)
    stats.save("data/statistics/church/layer6.safetensors")
    out = ("--out", tmp_path / "c.safetensors")
    assert run("rewrite", tmp_path / "patch.json", "--weights", "church", *out) == 0
    assert Edit.load(tmp_path / "c.safetensors").identity == wanted.identity
    assert not (tmp_path / "c-statistics.safetensors").exists(), "the pipeline's are taken"

    # a session that the parameters do not name is solved as its file says
    out = ("--out", tmp_path / "d.safetensors")
    assert run("rewrite", tmp_path / "b.json", "--weights", "church", *out) == 0
    wanted = edit_by("newton", g, session, stats, mu=0.7, iterations=40)
    assert Edit.load(tmp_path / "d.safetensors").identity == wanted.identity
    assert run("rewrite", tmp_path / "b.json", "--weights", "church", *out, "--settings",
               '{"mu": 3}') == 0  # fmt: skip
    wanted = edit_by("newton", g, session, stats, mu=3, iterations=40)
    assert Edit.load(tmp_path / "d.safetensors").identity == wanted.identity


def searched(**more):
    """Settings of a quick search, as the options of `rewrite`."""
    asked = {"source": "dark", "targets": ["grey", "bright"], "tuning_samples": 8, "mu_grid": [1.0]}
    asked |= {"refining_steps": 2, "refining_samples": 4}
    return asked | {"statistics_samples": 20, "iterations": 2} | more


def test_several_layers_are_tried_and_the_best_edit_is_written(
    generator, session, brightness, monkeypatch, capsys
):
    monkeypatch.setattr(loading, "load_segmenter", lambda *_: brightness)
    session.save("patch.json")
    given = ("rewrite", "patch.json", "--weights", "mine.pt", "--method", "palimpsest",
             "--segmenter", "labels", "--settings", json.dumps(searched()))  # fmt: skip
    assert run(*given, "--samples", 20, "--candidate-layer", 7, "--candidate-layer", 5,
               "--out", "a.safetensors") == 0  # fmt: skip
    files = [f"a-statistics{of}.safetensors" for of in ("", "-layer7", "-layer5")]
    stats = [KeyStatistics.load(file, {"n": 20, "seed": 1}) for file in files]
    wanted = choose_among_layers(generator, session, stats, brightness, **searched())
    edit = Edit.load("a.safetensors")
    assert edit.identity == wanted.identity and edit.metadata["choice"] == wanted.metadata["choice"]
    assert [one["layer"] for one in json.loads(edit.metadata["choice"])["layers"]] == [5, 6, 7]

    # the files alone name the layers too
    named = [word for file in files for word in ("--statistics", file)]
    assert run(*given, *named, "--out", "b.safetensors") == 0
    assert Edit.load("b.safetensors").identity == wanted.identity
    assert not Path("b-statistics.safetensors").exists()

    capsys.readouterr()
    out = ("--out", "c.safetensors")
    seven = ("--candidate-layer", 7)
    assert refused(capsys, "several --statistics name the layers", *given, *named, *seven, *out)
    once = (*given, "--statistics", files[0], *out)
    assert refused(capsys, "--candidate-layer: 6 is tried", *once, "--candidate-layer", 6)
    assert refused(capsys, "--candidate-layer: 7 is tried", *once, *seven, *seven)
    assert refused(capsys, "no layer 17; it has 2", *once, "--candidate-layer", 17)
    assert refused(capsys, "of layer 6 twice", *once, "--statistics", files[0])
    newton = ("rewrite", "patch.json", "--weights", "mine.pt", *out)
    assert refused(capsys, "newton: edits the session's layer only", *newton, *seven)
    assert not list(Path().glob("c*"))


def test_in_a_checkout_the_candidate_layers_of_the_parameters_are_tried(
    checkout, session, brightness, tmp_path, monkeypatch
):
    monkeypatch.setattr(loading, "load_segmenter", lambda *_: brightness)
    session.model_copy(update={"model": "church"}).save("patch.json")
    file = checkout / "params.yaml"
    values = yaml.safe_load(file.read_text())
    own = values["sessions"]["church"]["patch"]
    own |= {"candidate_layers": [7], "measure": {"source": ["dark"], "targets": ["bright"]}}
    values["models"]["church"]["segmenter"] = "labels.safetensors"
    values["methods"]["palimpsest"]["exemplars"] = 1
    file.write_text(yaml.safe_dump(values))
    monkeypatch.chdir(checkout)
    g = load_generator("data/weights/mini/church.safetensors", truncation=0.8)
    for layer in (6, 7):
        made = f"data/statistics/church/layer{layer}.safetensors"
        KeyStatistics.collect(g, layer, n=20, seed=1).save(made)
    given = ("rewrite", tmp_path / "patch.json", "--weights", "church")
    assert run(*given, "--out", tmp_path / "a.safetensors") == 0
    tried = json.loads(Edit.load(tmp_path / "a.safetensors").metadata["choice"])["layers"]
    assert [one["layer"] for one in tried] == [6, 7]
    assert not list(tmp_path.glob("*statistics*")), "the pipeline's are taken"

    # what is given on the command line counts, and another method edits one layer
    six = ("--statistics", "data/statistics/church/layer6.safetensors")
    assert run(*given, *six, "--out", tmp_path / "b.safetensors") == 0
    assert "layers" not in json.loads(Edit.load(tmp_path / "b.safetensors").metadata["choice"])
    assert run(*given, "--method", "newton", "--out", tmp_path / "c.safetensors") == 0
    assert Edit.load(tmp_path / "c.safetensors").layer == 6


def test_parameters_that_say_nothing_of_a_session_are_named(checkout, session, capsys):
    session.save("patch.json")  # of the model "tiny"
    given = ("rewrite", "patch.json", "--weights", "mine.pt", "--out", "a.safetensors", "--params")
    assert refused(capsys, "params.yaml has no model for mine.pt", *given, checkout / "params.yaml")
    assert refused(capsys, "none.yaml: no such file", *given, "none.yaml")
    Path("params.yaml").write_text("a: 1")
    assert refused(capsys, "not in a checkout of this project", *given, "params.yaml")
    (checkout / "params.yaml").write_text("a: 1")
    assert refused(capsys, "params.yaml: scale", *given, checkout / "params.yaml")


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
