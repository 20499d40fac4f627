"""The stage that exports weights: edits included, and what bad input gets."""

from pathlib import Path

import pytest
import torch

from palimpsest.generators import load_generator, sample_z
from palimpsest.memory import Edit
from palimpsest.pipeline.commands import run
from stages import export_weights

WEIGHTS = Path(__file__).parents[1] / "golden" / "sg2_checkpoint.pt"


def an_edit(g, layer=6):
    torch.manual_seed(layer)
    m, n = g.layer(layer).weight.shape[:2]
    direction = torch.nn.functional.normalize(torch.randn(1, n), dim=1)
    metadata = {"layer": str(layer), "weights_sha256": g.weights_sha256}
    return Edit(direction, torch.randn(m, 1, 3, 3), metadata)


def call(*words):
    with pytest.raises(SystemExit) as left:
        run(export_weights.main, [str(word) for word in words])
    return left.value.code or 0


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_an_exported_generator_holds_its_edits_at_their_strength(tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    g = load_generator(WEIGHTS)
    edits = [an_edit(g, 6), an_edit(g, 7)]
    words = []
    for edit in edits:
        edit.save(tmp_path / f"layer{edit.layer}.safetensors")
        words += ["--edit", tmp_path / f"layer{edit.layer}.safetensors"]
    assert call("--weights", WEIGHTS, *words, "--strength", "0.5", "--out", out) == 0
    loaded, z = load_generator(out), sample_z(g, 1)
    assert torch.equal(loaded(z), Edit.compose(edits).apply(g, 0.5)(z))
    if suffix == ".safetensors":
        assert loaded.provenance["edits"] == ["layer6", "layer7"]
        assert loaded.provenance["exported_from"] == g.weights_sha256


def test_bad_input_is_one_line_and_no_file(tmp_path, capsys):
    out = tmp_path / "out.pt"
    other = an_edit(load_generator(WEIGHTS))
    wrong = Edit(other.directions, other.coefficients, {"layer": "6", "weights_sha256": "0" * 64})
    wrong.save(tmp_path / "wrong.safetensors")
    edit = ["--edit", tmp_path / "wrong.safetensors"]
    assert call("--weights", WEIGHTS, *edit, "--out", out) == 2
    assert "made for weights 000000000000" in capsys.readouterr().err
    assert call("--weights", WEIGHTS, "--out", tmp_path / "out.txt") == 2
    assert "writes .pt, .pkl or .safetensors" in capsys.readouterr().err
    copy = tmp_path / "copy.pt"
    copy.write_bytes(WEIGHTS.read_bytes())
    assert call("--weights", copy, "--out", copy) == 2
    assert "is also the input file" in capsys.readouterr().err
    assert copy.read_bytes() == WEIGHTS.read_bytes()
    assert not out.exists()
