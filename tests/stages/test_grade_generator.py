"""The stage that grades a generator: its table and its panel."""

import pandas as pd

from palimpsest.files.panels import load_panel
from palimpsest.generators import save_generator
from stages import grade_generator as stage


def test_the_stage_writes_a_table_and_a_panel(small_generator, random_segmenter, tmp_path):
    save_generator(small_generator, tmp_path / "g.safetensors")
    random_segmenter.save(tmp_path / "s.safetensors")
    stage.main(
        model="church",
        weights=tmp_path / "g.safetensors",
        segmenter=tmp_path / "s.safetensors",
        out_table=tmp_path / "church.csv",
        out_panel=tmp_path / "church.npz",
        samples=3,
        seed=4,
    )
    table = pd.read_csv(tmp_path / "church.csv")
    assert table.columns[:3].tolist() == ["model", "figure", "generator"]
    assert {"mean_iou", "frechet", "l1"} <= set(table["figure"]) and set(table["n"]) == {3}
    panel = load_panel(tmp_path / "church.npz")
    assert panel.arrays["generated"].shape == panel.arrays["rendered"].shape == (3, 32, 32, 3)
    assert panel.facts["n"] == 3 and panel.facts["model"] == "church"
