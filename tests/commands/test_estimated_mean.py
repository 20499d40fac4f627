"""`--estimate-mean`: a generator without a mean latent is truncated by an estimated one."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from palimpsest import cli
from palimpsest.editor.notebook.places import notebook_place
from palimpsest.errors import CheckpointError, ParameterError
from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.checkpoints.exporting import export_generator
from palimpsest.generators.pictures import as_picture
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.photographs import own_photograph
from palimpsest.photographs.settings import AdaptationSettings, InversionSettings
from palimpsest.pipeline import shipped_models


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, generator):
    """A folder that is no checkout, with a StyleGAN2 file that has no mean latent."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shipped_models, "CHECKOUT", tmp_path)
    export_generator(generator, "whole.pt")
    torch.save({"g_ema": torch.load("whole.pt", weights_only=True)["g_ema"]}, "mine.pt")


TRUNCATED = ("--weights", "mine.pt", "--truncation", "0.5")


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def needs_it(capsys, *arguments):
    """The command is refused without the option, in one line that names it, and works with it."""
    assert run(*arguments) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("error: ") and "needs the mean latent" in line
    assert "--estimate-mean" in line
    return run(*arguments, "--estimate-mean") == 0


def test_samples(capsys, tmp_path):
    assert needs_it(capsys, "samples", *TRUNCATED, "--samples", 2, "--out", "sheet.png")
    assert (tmp_path / "sheet.png").is_file()


def test_statistics_rewrite_and_apply(capsys, session, tmp_path):
    out = ("--layer", 6, "--samples", 5, "--out", "layer6.safetensors")
    assert needs_it(capsys, "statistics", *TRUNCATED, *out)
    found = KeyStatistics.load("layer6.safetensors", {"truncation": 0.5})
    assert found.metadata["weights_sha256"] == load_generator("mine.pt").weights_sha256
    session.model_copy(update={"truncation": None}).save("patch.json")
    made = ("rewrite", "patch.json", *TRUNCATED, "--out", "patch.safetensors")
    assert needs_it(capsys, *made, "--samples", 5, "--settings", '{"iterations": 1}')
    edit = Edit.load("patch.safetensors")
    assert edit.weights_sha256 == load_generator("mine.pt").weights_sha256
    sheet = ("--edit", "patch.safetensors", "--samples", 1, "--out", "after.png")
    assert needs_it(capsys, "apply", *TRUNCATED, *sheet)


def test_a_photograph_needs_no_mean_latent(tmp_path, monkeypatch, generator, random_segmenter):
    """Its w is found without truncation, from means of the generator's own w."""
    inversion = InversionSettings(candidates=16, starts=1, z_steps=1, w_steps=1)
    adaptation = AdaptationSettings(steps=1, kept=2)
    monkeypatch.setattr(own_photograph, "InversionSettings", lambda: inversion)
    monkeypatch.setattr(own_photograph, "AdaptationSettings", lambda: adaptation)
    random_segmenter.save("mine-parts.safetensors")
    Image.fromarray(as_picture(generator(sample_z(generator, 1, seed=4)))[0]).save("me.png")
    for weights, out in (("mine.pt", "out.png"), ("whole.pt", "other.png")):
        given = ("--weights", weights, "--segmenter", "mine-parts.safetensors", "--out", out)
        assert run("photo", "me.png", *given) == 0
    with Image.open("out.png") as made, Image.open("other.png") as other:
        assert made.size == other.size == (32, 32) and made.tobytes() == other.tobytes()


def test_a_notebook_opens_a_truncated_file(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "kept"))
    with pytest.raises(CheckpointError, match="needs the mean latent"):
        notebook_place("mine.pt", truncation=0.5)
    place = notebook_place("mine.pt", truncation=0.5, estimate_mean=True).models["mine"]
    assert place.truncation == place.loaded.truncation == 0.5
    assert place.loaded.provenance["mean latent"].startswith("estimated from 10,000")
    with pytest.raises(ParameterError, match="a loaded generator has its own"):
        notebook_place(place.loaded, truncation=0.7)


def test_export_writes_the_estimate_into_the_file(tmp_path):
    assert run("export", "--weights", "mine.pt", "--out", "plain.safetensors") == 0
    assert not load_generator("plain.safetensors").latent_avg.isfinite().any()
    given = ("export", "--weights", "mine.pt", "--estimate-mean")
    for name in ("with.pt", "with.safetensors"):
        assert run(*given, "--out", name) == 0
        g = load_generator(name, truncation=0.5)
        wanted = load_generator("mine.pt", estimate_mean=True)
        assert torch.equal(g.latent_avg, wanted.latent_avg)
    assert g.provenance["mean latent"] == "estimated from 10,000 samples of seed 1"
