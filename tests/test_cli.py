"""The command `palimpsest photo`, on a small generator and pictures that the test draws."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from palimpsest import cli
from palimpsest.generators import sample_z, save_generator
from palimpsest.memory.edits import Edit
from palimpsest.photographs import own_photograph
from palimpsest.photographs.encoder_training import EncoderTraining
from palimpsest.photographs.files import InvertedPhotograph
from palimpsest.photographs.framing import FramingNetwork
from palimpsest.photographs.settings import (
    LOWEST_ABOVE,
    AdaptationSettings,
    EncoderRecipe,
    InversionSettings,
)
from palimpsest.pipeline import shipped_models


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Few steps: these tests are about files and messages."""
    inversion = InversionSettings(candidates=8, starts=1, z_steps=2, w_steps=3)
    monkeypatch.setattr(own_photograph, "InversionSettings", lambda: inversion)
    monkeypatch.setattr(
        own_photograph, "AdaptationSettings", lambda: AdaptationSettings(steps=3, kept=2)
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory, generator, random_segmenter):
    import torch

    folder = tmp_path_factory.mktemp("files")
    save_generator(generator, folder / "tiny.safetensors")
    random_segmenter.save(folder / "tiny-parts.safetensors")
    weight = generator.layer(6).weight
    Edit(
        torch.eye(1, weight.shape[1]),
        torch.ones(weight.shape[0], 1, 3, 3),
        {"layer": "6", "weights_sha256": generator.weights_sha256},
    ).save(folder / "edit.safetensors")
    pixels = (generator(sample_z(generator, 1, seed=4))[0].clamp(-1, 1) + 1) * 127.5
    picture = Image.fromarray(pixels.permute(1, 2, 0).byte().numpy())
    picture.save(folder / "small.png")
    large = Image.new("RGB", (300, 200), "grey")
    large.paste(picture.resize((120, 120)), (150, 40))
    large.save(folder / "large.jpg")
    return folder


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def photo(files: Path, out: Path, picture: str, *options: object) -> int:
    return run("photo", files / picture, "--out", out, "--weights", files / "tiny.safetensors",
               *options)  # fmt: skip


def test_it_writes_the_edited_photograph_and_the_inverted_one(tmp_path, files, capsys):
    out = tmp_path / "me.png"
    assert photo(files, out, "small.png", "--edit", files / "edit.safetensors") == 0
    with Image.open(out) as picture:
        assert picture.size == (32, 32)
        edited = np.asarray(picture.convert("RGB"), dtype=float)
    kept = InvertedPhotograph.load(tmp_path / "me.safetensors")
    assert kept.above == 6 and set(kept.errors) == {"z", "w", "weights"}
    told = capsys.readouterr().err
    assert "perceptual error: z " in told and "no limit for faces is known" in told
    assert photo(files, tmp_path / "plain.png", "small.png") == 0
    with Image.open(tmp_path / "plain.png") as picture:
        assert np.abs(np.asarray(picture.convert("RGB"), dtype=float) - edited).mean() > 1


def test_side_by_side_and_enlarged(tmp_path, files):
    out = tmp_path / "me.png"
    options = ("--edit", files / "edit.safetensors", "--side-by-side", "--enlarge", 3)
    assert photo(files, out, "small.png", *options) == 0
    with Image.open(out) as picture:
        assert picture.size == (3 * 3 * 32, 3 * 32)


def test_an_inverted_photograph_is_reused(tmp_path, files, monkeypatch):
    out = tmp_path / "me.png"
    assert photo(files, out, "small.png") == 0
    monkeypatch.setattr(own_photograph, "reproduce", lambda *_, **__: pytest.fail("inverted again"))
    assert photo(files, out, "small.png", "--edit", files / "edit.safetensors") == 0
    with pytest.raises(pytest.fail.Exception):
        photo(files, out, "large.jpg", "--box", "150,40,120")


def test_the_face_is_searched_for_or_given(tmp_path, files, capsys):
    FramingNetwork().save(tmp_path / "framing.safetensors")
    options = ("--framing", tmp_path / "framing.safetensors")
    assert photo(files, tmp_path / "a.png", "large.jpg", *options) == 0
    assert "large.jpg: face found at --box " in capsys.readouterr().err
    assert photo(files, tmp_path / "b.png", "large.jpg", "--box", "150,40,120", *options) == 0
    assert "found" not in capsys.readouterr().err


def test_an_encoder_of_another_generator_is_refused(tmp_path, files, small_generator, capsys):
    recipe = EncoderRecipe(widths=(4,), hidden=4)
    EncoderTraining(recipe, small_generator).finished().save(tmp_path / "other.safetensors")
    given = ("--encoder", tmp_path / "other.safetensors")
    assert photo(files, tmp_path / "a.png", "small.png", *given) == 2
    assert "encoder was trained for weights" in capsys.readouterr().err


def test_an_encoder_beside_the_weights_is_used_if_it_fits(
    tmp_path, files, generator, small_generator, capsys
):
    recipe = EncoderRecipe(widths=(4,), hidden=4)
    beside = files / "tiny-encoder.safetensors"
    for g, used in ((small_generator, False), (generator, True)):
        EncoderTraining(recipe, g).finished().save(beside)
        out = tmp_path / f"{used}.png"
        assert photo(files, out, "small.png") == 0
        kept = InvertedPhotograph.load(out.with_suffix(".safetensors"))
        assert (kept.provenance["encoder"] is not None) == used
        assert ("not used: this encoder was" in capsys.readouterr().err) != used
    beside.unlink()


@pytest.mark.parametrize(
    ("picture", "options", "message"),
    [
        ("none.jpg", (), "none.jpg: no such file"),
        ("tiny.safetensors", (), "not a picture in a known format"),
        ("large.jpg", ("--box", "250,0,100"), "not inside the picture of 300 x 200"),
        ("small.png", ("--above", 5, "--edit", "edit.safetensors"), "an edit changes layer 6"),
        ("small.png", ("--edit", "tiny.safetensors"), "so it is not an edit"),
        ("small.png", ("--above", 9), "above layer 9 cannot be adapted"),
        ("small.png", ("--weights", "none.safetensors"), "--weights: "),
    ],
)
def test_bad_input_is_one_line(tmp_path, files, capsys, picture, options, message):
    given = [files / x if str(x).endswith(".safetensors") else x for x in options]
    assert photo(files, tmp_path / "out.png", picture, *given) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("error: ") and message in last
    assert not (tmp_path / "out.png").exists()


def test_the_written_file_is_a_picture(tmp_path, files, capsys):
    assert photo(files, tmp_path / "out.txt", "small.png") == 2
    assert "not a .png or .jpg file" in capsys.readouterr().err


def test_it_runs_as_a_module_and_names_its_commands():
    done = subprocess.run(
        [sys.executable, "-m", "palimpsest", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "photo" in done.stdout and "Invert a photograph" in done.stdout


def test_the_shipped_settings_are_the_defaults():
    """The command has no params.yaml, so both must say the same."""
    import yaml

    written = yaml.safe_load((shipped_models.CHECKOUT / "params.yaml").read_text())["photographs"]
    faces = written["photo_faces"]
    assert InversionSettings(**faces["inversion"]) == InversionSettings()
    assert AdaptationSettings(**faces["adaptation"]) == AdaptationSettings()
    assert faces["above"] == LOWEST_ABOVE
