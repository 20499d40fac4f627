"""The stage that measures edits: its rows and its facts."""

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
import torchvision

from palimpsest.errors import ParameterError
from palimpsest.generators import load_generator, save_generator
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.memory import Edit
from palimpsest.pipeline.commands import named_files
from stages import measure as stage

LAYER = 6


def edit_for(g):
    outputs, inputs = g.layer(LAYER).weight.shape[:2]
    random = torch.Generator().manual_seed(LAYER)
    direction = torch.randn(1, inputs, generator=random)
    return Edit(
        direction / direction.norm(),
        3 * torch.randn(outputs, 1, 3, 3, generator=random),
        {"layer": str(LAYER), "weights_sha256": g.weights_sha256},
    )


@pytest.fixture
def files(small_generator, tmp_path):
    """Weights, an edit of layer 6, and all weights tuned."""
    g = small_generator
    save_generator(g, tmp_path / "g.safetensors")
    edit_for(g).save(tmp_path / "edit.safetensors")
    every = load_generator(tmp_path / "g.safetensors")
    with torch.no_grad():
        for parameter in every.parameters():
            parameter.mul_(1.05)
    save_generator(every, tmp_path / "all.safetensors")
    return tmp_path


@pytest.mark.parametrize("half", [False, True])
def test_the_stage_writes_parquet(files, random_segmenter, tmp_path, half):
    random_segmenter.save(tmp_path / "s.safetensors")
    out = tmp_path / "out" / "dome2spire.parquet"
    stage.main(
        weights=files / "g.safetensors",
        segmenter=tmp_path / "s.safetensors",
        model="church",
        session=tmp_path / "dome2spire.json",
        change=json.dumps({"source": [random_segmenter.classes[0]], "targets": ["dome", "spire"]}),
        out=out,
        edit=[f"newton={files / 'edit.safetensors'}", f"finetune_all={files / 'all.safetensors'}"],
        samples=3,
        batch=2,
        perceptual="encoder",
        half=half,
        scale="mini",
    )
    table = pd.read_parquet(out)
    assert table.columns[:5].tolist() == ["sample", "seed", "method", "model", "session"]
    assert table["method"].tolist() == ["unmodified", "newton", "finetune_all"] * 3
    assert set(table["model"]) == {"church"} and set(table["session"]) == {"dome2spire"}
    assert set(table["scale"]) == {"mini"}
    assert table["converted"].dtype == bool
    facts = pq.read_schema(out).metadata
    assert len(facts[b"palimpsest.weights_sha256"]) == 64
    drawn_in = {f"bfloat16 after layer {LAYER}"} if half else set()
    assert set(table.get("drawn_in", ())) == drawn_in
    assert facts[b"palimpsest.target_classes"] == b"dome,spire"
    assert facts[b"palimpsest.model"] == b"church" and facts[b"palimpsest.session"] == b"dome2spire"


def test_images_of_16_pixels_are_measured_with_lpips(brightness, tmp_path, monkeypatch):
    torch.manual_seed(6)
    g = StyleGAN2(16, {4: 8, 8: 8, 16: 8}, style_dim=16, mapping_layers=2).eval()
    save_generator(g, tmp_path / "g.safetensors")
    edit_for(g).save(tmp_path / "edit.safetensors")
    monkeypatch.setattr(stage, "load_segmenter", lambda file, critic: brightness)
    torch.save(torchvision.models.alexnet(weights=None).state_dict(), tmp_path / "alexnet.pth")
    stage.main(
        weights=tmp_path / "g.safetensors",
        segmenter=tmp_path / "s.safetensors",
        model="small",
        session=tmp_path / "darker.json",
        change=json.dumps({"source": ["bright"]}),
        out=tmp_path / "darker.parquet",
        edit=[f"newton={tmp_path / 'edit.safetensors'}"],
        samples=3,
        perceptual="lpips-alex",
        alexnet=tmp_path / "alexnet.pth",
    )
    table = pd.read_parquet(tmp_path / "darker.parquet").set_index(["sample", "method"])
    assert set(table["perceptual"]) == {"lpips-alex-enlarged-to-32"}
    apart = table["perceptual_outside"].unstack("method")
    assert apart["unmodified"].abs().max() < 1e-6 < apart["newton"].min()


def test_images_that_the_segmenter_does_not_take_are_refused_in_one_line(
    random_segmenter, tmp_path
):
    g = StyleGAN2(16, {4: 8, 8: 8, 16: 8}, style_dim=16, mapping_layers=2)
    save_generator(g, tmp_path / "g.safetensors")
    random_segmenter.save(tmp_path / "s.safetensors")
    with pytest.raises(ParameterError, match="multiples of 32 pixels, not 16 x 16"):
        stage.main(
            weights=tmp_path / "g.safetensors",
            segmenter=tmp_path / "s.safetensors",
            model="small",
            session=tmp_path / "dome2spire.json",
            change=json.dumps({"source": [random_segmenter.classes[0]]}),
            out=tmp_path / "dome2spire.parquet",
            samples=2,
        )
    assert not (tmp_path / "dome2spire.parquet").exists()


def test_an_edit_without_its_method_is_refused():
    with pytest.raises(ParameterError, match="--edit: 'newton' is not NAME=FILE"):
        named_files("--edit", ["newton"])
