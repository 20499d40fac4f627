"""The page about other networks does what it says: its code is run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

PAGE = Path(__file__).parents[1] / "docs" / "any-network.md"


def test_the_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.DOTALL)
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
