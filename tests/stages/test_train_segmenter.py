"""The stage that trains a segmenter: it stops, goes on and writes a graded file."""

from dataclasses import replace

from palimpsest.instruments import load_segmenter
from palimpsest.instruments.segmenters.training import (
    SegmenterRecipe,
)
from palimpsest.instruments.segmenters.world_segmenter import Architecture
from palimpsest.worlds import get_world
from stages import train_segmenter

TINY = SegmenterRecipe(
    resolution=64,
    scenes=12,
    steps=8,
    batch=4,
    seed=2,
    architecture=Architecture(channels=(16, 16, 8, 8, 8)),
)


def test_the_stage_stops_goes_on_and_writes_a_graded_file(tmp_path, monkeypatch):
    monkeypatch.setattr(train_segmenter, "SegmenterRecipe", lambda **told: replace(TINY, **told))
    out = tmp_path / "s.safetensors"
    told = {"world": "church", "out": out, "resolution": 64, "scenes": 12, "steps": 4, "graded": 4}
    train_segmenter.main(**told, minutes=0)
    assert not out.exists() and out.with_suffix(".checkpoint.pt").exists()
    train_segmenter.main(**told)
    facts = load_segmenter(out).facts
    assert facts["steps"] == 4 and facts["recipe"]["world"] == "church"
    assert [grade["resolution"] for grade in facts["grades"]] == [64, 64, 32, 32]
    assert set(facts["grades"][0]["iou"]) == set(get_world("church").classes)
