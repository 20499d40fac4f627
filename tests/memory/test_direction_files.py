"""Directions in a file of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from palimpsest.errors import EditError
from palimpsest.files.arrays import save_arrays
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.memory.direction_files import Directions


def test_directions_come_back_as_they_were_saved(generator: StyleGAN2, tmp_path: Path) -> None:
    made = Directions.of(torch.eye(12)[:2], generator, layer=6, session="marks")
    made.save(tmp_path / "a.safetensors")
    found = Directions.load(tmp_path / "a.safetensors")
    assert torch.equal(found.rows, made.rows) and found.layer == 6
    assert found.weights_sha256 == generator.weights_sha256
    assert found.metadata["session"] == "marks"


@pytest.mark.parametrize(
    ("arrays", "metadata", "message"),
    [
        ({"directions": torch.eye(3), "coefficients": torch.eye(3)}, {"layer": "6"}, "not a file"),
        ({"directions": torch.eye(3)}, {}, "without the number of their layer"),
        ({"directions": torch.eye(3)[0]}, {"layer": "6"}, r"must be \(S, N\)"),
        ({"directions": torch.eye(3) / 0}, {"layer": "6"}, "must be .* finite"),
    ],
)
def test_another_file_is_refused_by_name(arrays, metadata, message, tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.safetensors", arrays, metadata)
    with pytest.raises(EditError, match=f"a.safetensors: .*{message}"):
        Directions.load(tmp_path / "a.safetensors")
    with pytest.raises(EditError):
        Directions.load(tmp_path / "none.safetensors")
