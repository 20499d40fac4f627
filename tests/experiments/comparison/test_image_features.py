import numpy as np
import torch

from palimpsest.experiments.comparison.image_features import NEW_RULE, FeatureRows, features_of
from palimpsest.experiments.counterfactuals.new_rules import NewRule
from palimpsest.files.measurements import read_measurements, write_measurements


def test_features_survive_their_file_in_order(random_segmenter, church, tmp_path):
    images = torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    rows = FeatureRows(random_segmenter)
    rows.watch("newton", images[:3])
    rows.watch("unmodified", images[3:4])
    rows.watch("newton", images[3:])
    rule = NewRule(church, "dome2spire")
    rows.watch_renders(rule, range(3), seed=7, resolution=64)
    write_measurements(rows.table(), tmp_path / "f.parquet", {})
    read = features_of(read_measurements(tmp_path / "f.parquet", ("method", "features")))
    assert list(read) == ["newton", "unmodified", NEW_RULE]
    assert np.allclose(read["newton"], random_segmenter.pooled(images), atol=1e-5)
    assert read[NEW_RULE].shape == (3, read["newton"].shape[1])
