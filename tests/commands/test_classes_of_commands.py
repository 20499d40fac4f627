"""`--class`, and what the commands make of grey, RGBA and oblong images."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from palimpsest.generators import load_generator, sample_z, save_generator
from palimpsest.generators.pictures import as_picture
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.pipeline import shipped_models
from palimpsest.sessions import rewrite
from tests.commands.test_edits_of_commands import refused, run
from tests.generators.test_stylegan2_variants import small
from tests.sessions.test_classes import drawn

WEIGHTS = ("--weights", "g.safetensors")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder that is no checkout, with a class-conditional generator."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shipped_models, "CHECKOUT", tmp_path)
    save_generator(small(classes=5), "g.safetensors")


def sheet(name, n):
    picture = np.asarray(Image.open(name).convert("RGB"))
    return [picture[:, i * 16 : (i + 1) * 16] for i in range(n)]


@pytest.mark.parametrize("given", [[], [3], [1, 3]])
def test_samples_of_classes(given):
    options = [part for one in given for part in ("--class", one)]
    assert run("samples", *WEIGHTS, "--samples", 2, "--out", "a.png", *options) == 0
    g = load_generator("g.safetensors")
    classes = {0: None, 1: 3, 2: [1, 3]}[len(given)]
    wanted = as_picture(g(sample_z(g, 2, classes=classes)))
    assert np.abs(np.stack(sheet("a.png", 2)).astype(int) - wanted).max() <= 1


def test_classes_that_are_not_there(capsys):
    given = ("samples", *WEIGHTS, "--samples", 3, "--out", "a.png")
    assert refused(capsys, "class 7: this generator has classes 0 to 4", *given, "--class", 7)
    assert refused(capsys, "fewer than the samples", *given, "--class", 1, "--class", 2)


def test_statistics_and_an_edit_of_one_class():
    drawn().save("x.json")
    given = ("--samples", 60, "--class", 3)
    assert run("rewrite", "x.json", *WEIGHTS, *given, "--out", "x.safetensors") == 0
    stats = KeyStatistics.load("x-statistics.safetensors")
    assert stats.metadata["classes"] == "3"
    g = load_generator("g.safetensors")
    edit = rewrite(g, drawn(classes=3), stats, solver="newton")
    assert Edit.load("x.safetensors").identity == edit.identity
    assert run("statistics", *WEIGHTS, "--layer", 4, "--samples", 60, "--out", "s.safetensors") == 0
    assert KeyStatistics.load("s.safetensors").metadata["classes"] == "drawn by the seed"


def test_what_info_tells(capsys):
    assert run("info", "g.safetensors") == 0
    assert re.search("^classes +0 to 4$", capsys.readouterr().out, re.MULTILINE)
    save_generator(small(first_shape=(4, 8), image_channels=1), "wide.safetensors")
    assert run("info", "wide.safetensors") == 0
    assert "StyleGAN2, 16 x 32 pixels, grey" in capsys.readouterr().out
    assert run("samples", "--weights", "wide.safetensors", "--samples", 2, "--out", "b.png") == 0
    assert Image.open("b.png").size == (64, 16)


def test_weights_for_nvidias_code_are_written():
    assert run("export", *WEIGHTS, "--out", "g.pkl") == 0
    again = load_generator("g.pkl")
    assert again.weights_sha256 == load_generator("g.safetensors").weights_sha256
