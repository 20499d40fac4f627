"""The commands on a network that a function makes and a file fills."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from palimpsest import cli
from palimpsest.memory import Edit
from palimpsest.sessions import Session
from palimpsest.sessions.masks import encode_mask

MODULE = """
from torch import nn
from palimpsest.generators import wrap

def make():
    network = nn.Sequential(
        nn.ConvTranspose2d(8, 8, 4), nn.LeakyReLU(0.2), nn.ConvTranspose2d(8, 3, 4, 2, 1)
    )
    return wrap(network, z_dim=8)
"""


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_from_a_session_to_an_edited_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "networks_of_commands.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path), *__import__("sys").path])
    from networks_of_commands import make

    torch.save({"g_ema": make().state_dict()}, "gan.pt")
    mask = np.zeros((8, 8), np.float32)
    mask[2:4, 2:4] = 1
    place = {"sample": 1, "mask": encode_mask(mask)}
    Session.from_dict(
        {
            "name": "rule",
            "layer": 2,
            "exemplars": [{"object": place | {"sample": 0}, "paste": place}],
            "context": [place],
        }
    ).save("rule.json")
    network = ("--network", "networks_of_commands:make", "--weights", "gan.pt")
    options = ("--samples", 60, "--method", "newton", "--out", "rule.safetensors")
    assert run("rewrite", "rule.json", *network, *options) == 0, capsys.readouterr().err
    assert Edit.load("rule.safetensors").metadata["layer_name"] == "2"
    assert run("apply", *network, "--edit", "rule.safetensors", "--out", "rule.png") == 0
    assert run("samples", *network, "--out", "plain.png", "--truncation", 0.5) == 2
    assert "--truncation" in capsys.readouterr().err
    assert run("samples", "--network", "networks_of_commands:other", *network[2:], "--out", "x.png")
    assert "has no function other" in capsys.readouterr().err
