"""The commands on a StyleGAN3, from its file to edited weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from palimpsest import cli
from palimpsest.generators import load_generator, sample_z
from palimpsest.memory import Edit
from palimpsest.pipeline import shipped_models
from tests.doubles.alias_free import golden_stylegan3


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder that is no checkout, with a StyleGAN3 as a state dict of NVIDIA's names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shipped_models, "CHECKOUT", tmp_path)
    torch.save(golden_stylegan3("t").state, "mine.pt")


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_from_a_session_to_edited_weights(session, capsys):
    session.model_copy(update={"layer": 4}).save("patch.json")
    assert run("info", "mine.pt") == 0
    told = capsys.readouterr().out
    assert "StyleGAN3, 32 x 32 pixels" in told and "1 to 6" in told and "possible" in told
    assert run("samples", "--weights", "mine.pt", "--truncation", 0.7, "--samples", 2,
               "--out", "samples.png") == 0  # fmt: skip
    assert np.asarray(Image.open("samples.png")).shape == (32, 64, 3)
    assert run("statistics", "--weights", "mine.pt", "--layer", 4, "--samples", 10,
               "--out", "four.safetensors") == 0  # fmt: skip
    assert run("rewrite", "patch.json", "--weights", "mine.pt", "--statistics", "four.safetensors",
               "--out", "patch.safetensors") == 0  # fmt: skip
    edit, g = Edit.load("patch.safetensors"), load_generator("mine.pt")
    assert float(edit.metadata["loss_after"]) < float(edit.metadata["loss_before"])
    assert run("info", "patch.safetensors", "--weights", "mine.pt") == 0
    assert "mine.pt" in capsys.readouterr().out.split("fits")[1]
    assert run("apply", "--weights", "mine.pt", "--edit", "patch.safetensors", "--samples", 2,
               "--out", "both.png") == 0  # fmt: skip
    for out in ("edited.pt", "edited.safetensors"):
        assert run("export", "--weights", "mine.pt", "--edit", "patch.safetensors",
                   "--out", out) == 0  # fmt: skip
        z = sample_z(g, 2)
        assert torch.equal(load_generator(out)(z), edit.apply(g)(z))
