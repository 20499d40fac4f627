"""The page and the README on other networks do what they say: their code and commands are run."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from palimpsest import cli
from palimpsest.pipeline.editor_places import editor_place
from palimpsest.sessions import Session
from palimpsest.sessions.masks import encode_mask

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "any-network.md"


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of code of a page, those in ``language``; "" for those that name none."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.M | re.DOTALL)
    return [code for named, code in found if named == language]


def write_session(path: Path) -> None:
    """A session for layer 2 of a DCGAN: a place of sample 1 pasted into sample 0."""
    mask = np.zeros((8, 8), np.float32)
    mask[2:4, 2:4] = 1
    copied, pasted = ({"sample": number, "mask": encode_mask(mask)} for number in (1, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    Session.from_dict(
        {
            "name": path.stem,
            "layer": 2,
            "exemplars": [{"object": copied, "paste": pasted}],
            "context": [pasted],
        }
    ).save(path)


def test_the_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _ = blocks(PAGE, "python")
    monkeypatch.chdir(tmp_path)
    before, after = code.split("# 6.")
    space: dict = {}
    with torch.random.fork_rng():
        exec(before, space)
    g, z, layer, goal = (space[name] for name in ("g", "z", "layer", "goal"))
    assert g.names == {1: "0", 2: "3", 3: "5"}
    assert space["state"].k.shape == (8, 32, 4, 4) and space["values"].v.shape == (8, 16, 8, 8)
    assert torch.equal(space["images"], g(z))
    about = space["edit"].metadata
    assert float(about["loss_after"]) < 0.5 * float(about["loss_before"])
    assert not torch.allclose(space["edited"](z), g(z))
    original = {name: one.clone() for name, one in space["network"].state_dict().items()}
    exec(after.partition("\n")[2], space)
    now = space["network"].state_dict()
    assert all(torch.equal(one, original[name]) for name, one in now.items())
    assert goal.target.shape[2:] == layer.value_shape


def test_the_commands_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, module = blocks(PAGE, "python")
    (commands,) = blocks(PAGE, "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_models", raising=False)
    Path("my_models.py").write_text(module)
    lines = [shlex.split(line)[1:] for line in commands.splitlines()]
    assert [words[0] for words in lines] == ["info", "editor", "rewrite", "apply", "export"]
    write_session(tmp_path / lines[2][1])  # as the editor saves it; that has tests in the browser
    for words in (*lines[:1], *lines[2:]):
        with pytest.raises(SystemExit) as ended:
            cli.main(words)
        assert not ended.value.code, words
    from my_models import Gan

    Gan().load_state_dict(torch.load("with-rule.pt"))
    place = editor_place(Path(), "gan", network="my_models:Gan", z_dim=16)
    assert place.models["gan"].sessions / "rule.json" == Path(lines[2][1])
    assert place.first == "gan"


def test_the_lines_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = [one for one in blocks(ROOT / "README.md", "python") if "wrap(network" in one]
    assert len([line for line in code.splitlines() if line]) <= 10
    monkeypatch.chdir(tmp_path)
    write_session(tmp_path / "my_session.json")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.ConvTranspose2d(128, 8, 4), nn.LeakyReLU(0.2), nn.ConvTranspose2d(8, 3, 4, 2, 1)
        )
    before = {name: one.clone() for name, one in network.state_dict().items()}
    *lines, merged, removed = code.splitlines()
    space = {"network": network}
    exec("\n".join(lines), space)
    exec(merged, space)
    assert not torch.equal(network[2].weight, before["2.weight"])
    exec(removed, space)
    assert all(torch.equal(one, before[name]) for name, one in network.state_dict().items())
