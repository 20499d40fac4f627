"""The commands on a network that a function makes and a file fills, or that is as it is made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from palimpsest import cli
from palimpsest.generators.wrapped_loading import load_network
from palimpsest.memory import Edit
from palimpsest.sessions import Session
from palimpsest.sessions.masks import encode_mask

MODULE = """
from torch import nn
from palimpsest.generators import wrap

class Network(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.ConvTranspose2d(8, 8, 4), nn.LeakyReLU(0.2), nn.ConvTranspose2d(8, 3, 4, 2, 1)
        )

def make():
    return wrap(Network(), z_dim=8)

def grouped():
    made = nn.Sequential(Network(), nn.Conv2d(3, 3, 3, padding=1, groups=3))
    made.z_dim = 8
    return made
"""
MADE_BY = "networks_of_commands:make"
PLAIN = ("--network", "networks_of_commands:Network", "--z-dim", 8)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that one is in, with the module in it."""
    (tmp_path / "networks_of_commands.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path), *__import__("sys").path])
    return tmp_path


def write_session() -> None:
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


def test_from_a_session_to_an_edited_sheet(capsys: pytest.CaptureFixture) -> None:
    from networks_of_commands import make

    torch.save({"g_ema": make().state_dict()}, "gan.pt")
    write_session()
    network = ("--network", MADE_BY, "--weights", "gan.pt")
    options = ("--samples", 60, "--method", "newton", "--out", "rule.safetensors")
    assert run("rewrite", "rule.json", *network, *options) == 0, capsys.readouterr().err
    assert Edit.load("rule.safetensors").metadata["layer_name"] == "2"
    assert run("apply", *network, "--edit", "rule.safetensors", "--out", "rule.png") == 0
    assert run("samples", *network, "--out", "plain.png", "--truncation", 0.5) == 2
    assert "--truncation" in capsys.readouterr().err
    assert run("samples", "--network", "networks_of_commands:other", *network[2:], "--out", "x.png")
    assert "has no function other" in capsys.readouterr().err


def test_a_network_without_a_file_is_the_same_in_every_command(
    capsys: pytest.CaptureFixture,
) -> None:
    write_session()
    options = ("--samples", 60, "--method", "newton", "--out", "rule.safetensors")
    assert run("rewrite", "rule.json", *PLAIN, *options) == 0, capsys.readouterr().err
    assert run("apply", *PLAIN, "--edit", "rule.safetensors", "--out", "rule.png") == 0
    assert run("info", "rule.safetensors", *PLAIN) == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == ["fits", PLAIN[1]]
    assert run("info", "rule.json", *PLAIN) == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == ["fits", PLAIN[1]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_the_exported_state_dict_is_the_networks_own(
    dtype: torch.dtype, suffix: str, capsys: pytest.CaptureFixture
) -> None:
    from networks_of_commands import Network

    torch.manual_seed(3)
    before = {name: one.to(dtype) for name, one in Network().double().state_dict().items()}
    torch.save({"module." + name: one for name, one in before.items()}, "gan.pt")
    network = ("--network", MADE_BY, "--weights", "gan.pt")
    write_session()
    options = ("--samples", 60, "--method", "newton", "--out", "rule.safetensors")
    assert run("rewrite", "rule.json", *network, *options) == 0, capsys.readouterr().err
    out = f"edited{suffix}"
    edit = ("--edit", "rule.safetensors", "--strength", 0.5)
    assert run("export", *network, *edit, "--out", out) == 0, capsys.readouterr().err
    held = load_file(out) if suffix == ".safetensors" else torch.load(out, weights_only=True)
    Network().load_state_dict(held)
    assert list(held) == list(before) or suffix == ".safetensors"
    assert {one.dtype for one in held.values()} == {dtype}
    assert [name for name in before if not torch.equal(held[name], before[name])] == ["2.weight"]
    g = load_network(MADE_BY, Path("gan.pt"))
    wanted = Edit.load("rule.safetensors").apply(g, 0.5).state_dict()["2.weight"]
    assert torch.equal(held["2.weight"], wanted.to(dtype))
    # what is exported is read again, and an edited network is a model of its own
    assert load_network(MADE_BY, Path(out)).weights_sha256 != g.weights_sha256


def test_export_without_edits_gives_the_file_back_and_refuses_others(
    capsys: pytest.CaptureFixture,
) -> None:
    assert run("export", *PLAIN, "--out", "plain.pt") == 0
    g = load_network(*PLAIN[1:2], z_dim=8)
    held = torch.load("plain.pt", weights_only=True)
    assert all(torch.equal(one, held[name]) for name, one in g.state_dict().items())
    assert run("export", *PLAIN, "--out", "plain.pkl") == 2
    assert "as .pt or .safetensors" in capsys.readouterr().err
    assert run("export", *PLAIN, "--weights", "plain.pt", "--out", "plain.pt") == 2
    assert "is also the input file" in capsys.readouterr().err


def test_info_tells_the_layers_and_what_is_none(capsys: pytest.CaptureFixture) -> None:
    assert run("info", "--network", "networks_of_commands:grouped") == 0
    told = dict(
        line.split("  ", 1) for line in capsys.readouterr().out.splitlines() if "  " in line
    )
    told = {name: text.strip() for name, text in told.items()}
    assert told["network"] == "Sequential of networks_of_commands:grouped, 8 x 8 pixels"
    assert told["z"] == "8 numbers, 8 x 1 x 1"
    assert told["layer 1"] == "0.0: ConvTranspose2d 4 x 4, keys 1 x 1 of 8 units, values 4 x 4 of 8"
    assert told["layer 2"].startswith("0.2: ConvTranspose2d 4 x 4, stride 2, keys 4 x 4 of 8 units")
    assert "group" in told["no layer: 1"]
    assert "not possible" in told["truncation"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("samples", "--out", "x.png"), "--weights: give the file of a generator; or --network"),
        (("samples", "--out", "x.png", "--weights", "gan.pt", "--z-dim", 8), "give --network"),
        (("samples", *PLAIN[:2], "--out", "x.png"), "give --z-dim"),
        (("samples", "--network", MADE_BY, "--z-dim", 9, "--out", "x.png"), "--z-dim: 9, but"),
        (("samples", *PLAIN, "--out", "x.png", "--truncation", 0.5), "--truncation"),
        (("samples", *PLAIN, "--out", "x.png", "--estimate-mean"), "--estimate-mean"),
        (("samples", *PLAIN, "--out", "x.png", "--class", 1), "class"),
        (("info",), "give a file, or a network with --network"),
        (("info", *PLAIN, "--weights", "a.pt", "--weights", "b.pt"), "filled from one file"),
        (("editor", *PLAIN, "--class", 1), "no classes"),
        (("editor", "--z-dim", 8), "give --network"),
        (("editor", *PLAIN, "--weights", "none.pt"), "none.pt: no such file"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(
    arguments: tuple, message: str, capsys: pytest.CaptureFixture
) -> None:
    assert run(*arguments) == 2
    said = capsys.readouterr().err
    assert message in said and said.startswith("error: ") and said.count("\n") == 1
