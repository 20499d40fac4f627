"""The moving picture of a rule: where it goes, what stands beside what, and that it comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from palimpsest.experiments.edits.best_matches import best_along
from palimpsest.experiments.edits.settings import WalkSettings
from palimpsest.experiments.edits.walk import GAP, eased, great_circle, walk_frames, write_walk
from palimpsest.generators import sample_z
from palimpsest.generators.base import Generator
from palimpsest.generators.pictures import as_picture
from palimpsest.memory import Edit


def test_the_great_circle_keeps_a_typical_length() -> None:
    a, b = torch.randn(2, 200, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(great_circle(a, b, 0.0), a, atol=1e-5)
    assert torch.allclose(great_circle(a, b, 1.0), b, atol=1e-5)
    half = great_circle(a, b, 0.5)
    assert half.norm() == pytest.approx(float(a.norm() + b.norm()) / 2, rel=1e-4)
    assert ((a + b) / 2).norm() < 0.8 * half.norm()  # what a straight line would give


def test_it_rests_at_the_stops() -> None:
    shares = [eased(step, 10) for step in range(11)]
    assert shares[0] == 0 and shares[10] == pytest.approx(1) and shares == sorted(shares)
    assert shares[1] < 0.05 < shares[5] - shares[4]


@pytest.fixture
def edit(g: Generator) -> Edit:
    layer = g.layer(6)
    rows, columns = layer.weight.shape[:2]
    random = torch.Generator().manual_seed(0)
    return Edit(
        torch.nn.functional.normalize(torch.randn(1, columns, generator=random), dim=1),
        torch.randn(rows, 1, 3, 3, generator=random),
        {"layer": "6", "weights_sha256": g.weights_sha256, "rank": "1"},
    )


def test_frames_show_the_stops_before_and_after(g: Generator, edit: Edit) -> None:
    frames = walk_frames(g, edit, stops=3, between=4, samples=20, seed=3)
    side = g.resolution
    assert frames.shape == (12, side, 2 * side + GAP, 3) and frames.dtype == np.uint8
    z = sample_z(g, 20, 3)
    stops = z[best_along(g, edit, z, 3)[0]]
    with torch.no_grad():
        before, after = as_picture(g(stops)), as_picture(edit.apply(g)(stops))
    for stop in range(3):
        frame = frames[4 * stop].astype(int)
        assert np.abs(frame[:, :side] - before[stop]).max() <= 1
        assert np.abs(frame[:, side + GAP :] - after[stop]).max() <= 1
    assert (frames[:, :, side : side + GAP] == 255).all()


def test_the_file_moves_for_ever(tmp_path: Path) -> None:
    frames = np.random.RandomState(0).randint(0, 255, (5, 16, 36, 3)).astype(np.uint8)
    size = write_walk(frames, tmp_path / "walk.webp", milliseconds=80)
    assert size == (tmp_path / "walk.webp").stat().st_size
    with Image.open(tmp_path / "walk.webp") as picture:
        assert picture.n_frames == 5 and picture.size == (36, 16)
        picture.seek(4)
        assert picture.info["loop"] == 0


def test_its_caption_says_what_was_chosen() -> None:
    said = WalkSettings(stops=4, samples=200, seed=9).caption(layer=6, rank=1)
    assert "4 of 200 samples (seed 9)" in said and "layer 6" in said and "by hand" in said
