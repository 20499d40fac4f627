"""`palimpsest info`, `samples` and `apply`, on files that the test makes, outside any checkout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from palimpsest import cli
from palimpsest.generators import load_generator, sample_z, save_generator
from palimpsest.generators.pictures import as_picture
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.pipeline import shipped_models

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A folder that is no checkout, and no installed one either."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shipped_models, "CHECKOUT", tmp_path)


@pytest.fixture
def tiny(tmp_path, generator):
    save_generator(generator, tmp_path / "tiny.safetensors", {"made": "at random"})
    return generator


def an_edit(g, layer=6):
    torch.manual_seed(layer)
    m, n = g.layer(layer).weight.shape[:2]
    direction = torch.nn.functional.normalize(torch.randn(1, n), dim=1)
    metadata = {"layer": str(layer), "weights_sha256": g.weights_sha256, "session": "hat"}
    return Edit(direction, torch.randn(m, 1, 3, 3), metadata)


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def told(capsys, *arguments):
    assert run(*arguments) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    return dict(line.split("  ", 1) for line in lines if "  " in line)


def facts(capsys, *arguments):
    return {name.strip(): text.strip() for name, text in told(capsys, *arguments).items()}


def test_info_of_a_generator(tiny, capsys):
    found = facts(capsys, "info", "tiny.safetensors", "--weights", "tiny.safetensors")
    assert found["kind"] == "generator" and found["network"] == "StyleGAN2, 32 x 32 pixels"
    assert found["weights"] == tiny.weights_sha256[:12] and found["made"] == "at random"
    assert found["is the model"] == "tiny.safetensors"


def test_info_of_an_edit_says_which_generator_it_fits(tiny, small_generator, tmp_path, capsys):
    an_edit(tiny).save("hat.safetensors")
    save_generator(small_generator, "other.safetensors")
    found = facts(capsys, "info", "hat.safetensors", "--weights", "tiny.safetensors",
                  "--weights", "other.safetensors")  # fmt: skip
    assert (found["kind"], found["layer"], found["session"]) == ("edit", "6", "hat")
    assert found["fits"] == "tiny.safetensors"
    found = facts(capsys, "info", "hat.safetensors", "--weights", "other.safetensors")
    assert found["fits"] == "none of other.safetensors"
    assert "give a generator with --weights" in facts(capsys, "info", "hat.safetensors")["fits"]


def test_info_of_statistics_sessions_and_segmenters(tiny, session, random_segmenter, capsys):
    KeyStatistics.collect(tiny, layer=6, n=4).save("layer6.safetensors")
    found = facts(capsys, "info", "layer6.safetensors", "--weights", "tiny.safetensors")
    assert (found["kind"], found["n"], found["fits"]) == ("key statistics", "4", "tiny.safetensors")
    session.save("patch.json")
    found = facts(capsys, "info", "patch.json")
    assert (found["kind"], found["layer"], found["model"]) == ("session", "6", "tiny")
    assert facts(capsys, "info", "patch.json", "--weights", "tiny.safetensors")["fits"] == (
        "tiny.safetensors"
    )
    session.model_copy(update={"truncation": 0.7}).save("mean.json")
    found = facts(capsys, "info", "mean.json", "--weights", "tiny.safetensors")
    assert (found["truncation"], found["fits"]) == ("0.7", "tiny.safetensors")
    session.model_copy(update={"layer": 99}).save("high.json")
    found = facts(capsys, "info", "high.json", "--weights", "tiny.safetensors")
    assert found["fits"] == "none of tiny.safetensors"
    random_segmenter.save("parts.safetensors")
    found = facts(capsys, "info", "parts.safetensors")
    assert found["kind"] == "segmenter" and "dome" in found["classes"] and "fits" not in found


def test_a_stylegan2_file_of_the_common_layout_is_known(tiny, capsys):
    from palimpsest.generators.checkpoints.exporting import export_generator

    export_generator(tiny, "mine.pt")
    assert facts(capsys, "info", "mine.pt")["kind"] == "generator"
    assert run("samples", "--weights", "mine.pt", "--out", "a.png", "--samples", 3) == 0
    assert run("samples", "--weights", "tiny.safetensors", "--out", "b.png", "--samples", 3) == 0
    with Image.open("a.png") as a, Image.open("b.png") as b:
        assert np.array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "gif", "bmp", "tiff"])
def test_info_of_a_picture(kind, capsys):
    Image.new("RGB", (40, 30), "grey").save(f"me.{kind}")
    found = facts(capsys, "info", f"me.{kind}")
    assert (found["kind"], found["size"]) == ("picture", "40 x 30 pixels") and "fits" not in found


def test_a_sheet_holds_the_standard_samples_in_rows(tiny):
    options = ("--samples", 5, "--columns", 3, "--seed", 2)
    assert run("samples", "--weights", "tiny.safetensors", "--out", "a.png", *options) == 0
    with Image.open("a.png") as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape == (64, 96, 3) and (pixels[32:, 64:] == 255).all()
    third = as_picture(tiny(sample_z(tiny, 5, seed=2)[3:4]))[0]
    assert np.abs(pixels[32:, :32].astype(int) - third).max() <= 1


def test_apply_shows_before_and_after_at_a_strength_for_each_edit(tiny):
    first, second = an_edit(tiny, 6), an_edit(tiny, 7)
    first.save("a.safetensors")
    second.save("b.safetensors")
    options = ("--edit", "a.safetensors", "--edit", "b.safetensors", "--samples", 2)
    given = ("apply", "--weights", "tiny.safetensors", "--out", "a.png", *options)
    assert run(*given, "--strength", 0.5, "--strength", 0) == 0
    with Image.open("a.png") as sheet:
        pixels = np.asarray(sheet).astype(int)
    z = sample_z(tiny, 2)
    wanted = [as_picture(g(z)) for g in (tiny, first.apply(tiny, 0.5))]
    for row, pictures in enumerate(wanted):
        shown = pixels[32 * row : 32 * row + 32]
        assert np.abs(shown - np.concatenate(pictures, axis=1)).max() <= 1
    assert np.abs(pixels[:32] - pixels[32:]).mean() > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("info", "none.safetensors"), "none.safetensors: no such file"),
        (("info", "text.txt"), "text.txt: no weights file known here"),
        (("info", "cut.safetensors"), "cut.safetensors: damaged"),
        (("samples", "--weights", "church", "--out", "a.png"), "--weights: church: no such file"),
        (("samples", "--weights", "tiny.safetensors", "--out", "a.gif"), "not a .png or .jpg file"),
        (
            ("apply", "--weights", "tiny.safetensors", "--edit", "tiny.safetensors",
             "--out", "a.png"),
            "so it is not an edit",
        ),
        (
            ("apply", "--weights", "tiny.safetensors", "--edit", "wrong.safetensors",
             "--out", "a.png"),
            "wrong.safetensors: this edit was made for weights 000000000000",
        ),
        (
            ("apply", "--weights", "tiny.safetensors", "--edit", "a.safetensors",
             "--strength", 1, "--strength", 2, "--out", "a.png"),
            "2 of them and 1 edits",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(tiny, tmp_path, arguments, message, capsys):
    (tmp_path / "text.txt").write_text("hello, I am no file of weights")
    cut = (tmp_path / "tiny.safetensors").read_bytes()[:900]
    (tmp_path / "cut.safetensors").write_bytes(cut)
    edit = an_edit(tiny)
    edit.save("a.safetensors")
    Edit(edit.directions, edit.coefficients, {"layer": "6", "weights_sha256": "0" * 64}).save(
        "wrong.safetensors"
    )
    assert run(*arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and message in lines[0]
    assert not (tmp_path / "a.png").exists()


def test_the_name_of_a_shipped_model_stands_for_its_weights(monkeypatch):
    monkeypatch.setattr(shipped_models, "CHECKOUT", ROOT)
    found = shipped_models.shipped_models()
    assert load_generator(found["church"]).resolution == 128
    assert shipped_models.weights_called(Path("church")) == found["church"]


def test_another_projects_parameters_are_not_ours(tiny, capsys):
    Path("params.yaml").write_text("train: {lr: 0.1}\n")
    assert shipped_models.checkout() is None and shipped_models.shipped_models() == {}
    assert facts(capsys, "info", "tiny.safetensors")["kind"] == "generator"


def test_the_name_of_a_shipped_model_can_be_asked_about(monkeypatch, capsys):
    monkeypatch.setattr(shipped_models, "CHECKOUT", ROOT)
    found = facts(capsys, "info", "church")
    assert found["file"].endswith("church.safetensors") and found["kind"] == "generator"


def test_the_version_is_that_of_the_package(capsys):
    from palimpsest import __version__

    assert run("--version") == 0
    assert capsys.readouterr().out == f"palimpsest {__version__}\n"


def test_help_names_each_command_in_a_whole_sentence(capsys):
    for words in ((), ("edits",)):
        assert run(*words, "--help") == 0
        listed = capsys.readouterr().out.partition("Commands:\n")[2].splitlines()
        assert listed and all(line.endswith(".") and "..." not in line for line in listed)


def test_an_originals_session_names_no_model(tiny, session, monkeypatch, capsys):
    """So what it fits is not known, unless a generator is given."""
    monkeypatch.setattr(shipped_models, "CHECKOUT", ROOT)
    one = session.exemplars[0]
    pairs = {"object": one.object, "paste": one.paste}
    original = {name: [half.sample, half.mask] for name, half in pairs.items()}
    Path("old.json").write_text(json.dumps(original), encoding="utf-8-sig")
    assert "give a generator with --weights" in facts(capsys, "info", "old.json")["fits"]
    given = ("--weights", "tiny.safetensors")
    assert facts(capsys, "info", "old.json", *given)["fits"] == "tiny.safetensors"


def test_info_of_what_the_original_left_half_made(tiny, session, capsys):
    spot = [3, session.context[0].mask]
    Path("marks.json").write_text(json.dumps({"key": [spot]}))
    found = facts(capsys, "info", "marks.json", "--weights", "tiny.safetensors")
    assert (found["kind"], found["context"], found["fits"]) == ("session", "1", "tiny.safetensors")
    assert (found["exemplars"], found["lacks"].partition(" for")[0]) == ("none", "object and paste")
    for command in ("rewrite --erase", "search", "units", "direction"):
        assert command in found["is for"]
    Path("object.json").write_text(json.dumps({"object": spot, "key": [spot]}))
    found = facts(capsys, "info", "object.json")
    assert found["exemplars"] == "only object of sample 3" and found["lacks"].startswith(
        "paste for"
    )
    Path("same.json").write_text(json.dumps({"object": spot, "paste": spot}))
    found = facts(capsys, "info", "same.json")
    assert "same place" in found["lacks"] and "--erase" in found["is for"]
    Path("erase.json").write_text(json.dumps({"key": [spot], "erase": 3}))
    found = facts(capsys, "info", "erase.json")
    assert found["erases"].startswith("with 3 units") and "lacks" not in found
    entry = {"value": "-5.0", "intervention": spot[1], "revert": spot[1]}
    Path("windows.json").write_text(json.dumps({"14": entry, "38": entry}))
    found = facts(capsys, "info", "windows.json")
    assert found["kind"] == "painted scenes" and found["samples"] == "14, 38 of seed 1"
    assert run("info", "marks.json", "--weights", "none.pt") == 2
    given = ("--weights", "tiny.safetensors", "--out", "a.safetensors")
    assert run("rewrite", "marks.json", *given) == 2
    assert "has no goal: field object is missing" in capsys.readouterr().err
    assert not list(Path().glob("a*.safetensors"))


def test_help_shows_an_example_of_every_command(capsys):
    for name, command in cli.COMMANDS.items():
        for words in [(name, one) for one in getattr(command, "commands", [])] or [(name,)]:
            assert run(*words, "--help") == 0
            lines = capsys.readouterr().out.splitlines()
            assert any(line.startswith(f"    palimpsest {' '.join(words)} ") for line in lines)


def test_the_shell_can_complete(capsys):
    assert run("--help") == 0
    assert "--install-completion" in capsys.readouterr().out


def test_a_group_without_a_command_shows_its_help(capsys):
    run("edits")
    shown = capsys.readouterr()
    assert "compose" in shown.out + shown.err
