"""Features of every measured image, kept so that sets of images can be compared later.

    rows = FeatureRows(segmenter)
    measure(..., watch=rows.watch)
    rows.watch_renders(rule, range(1000), seed=3, resolution=128)
    rows.table()                        # one row an image: method, sample, features (list of C)
    features_of(table)["newton"]        # (n, C) float64

They are the pooled features of `frechet`, as float32.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from torch import Tensor

from palimpsest.experiments.counterfactuals.new_rules import NewRule
from palimpsest.experiments.grading.generator_grades import FLOOR_SEED_STEP
from palimpsest.generators.sample_blocks import batches
from palimpsest.generators.samples import standard_normal
from palimpsest.instruments.distances.frechet import pooled_features
from palimpsest.instruments.distances.inception import InceptionFeatures
from palimpsest.instruments.segmenters.base import CHUNK, Segmenter
from palimpsest.instruments.segmenters.cached_outputs import CachedOutputs

NEW_RULE = "renders_of_the_new_rule"
"""What the world's own renders under the new rule are called among the methods."""


class FeatureRows:
    """Collects features by method, image after image in the order in which they are shown.

    ``first``: the number of the sample that is shown first of each method.
    """

    def __init__(self, source: Segmenter | InceptionFeatures, first: int = 0) -> None:
        self._source = source
        self._first = first
        self._seen: dict[str, list[np.ndarray]] = {}

    def watch(self, method: str, images: Tensor | CachedOutputs) -> None:
        """Take in images (B, 3, H, W) in [-1, 1]."""
        features = pooled_features(self._source, images).astype(np.float32)
        self._seen.setdefault(method, []).append(features)

    def watch_renders(self, rule: NewRule, samples: range, seed: int, resolution: int) -> None:
        """Take in the world's own renders under a rule, of other scenes than ``samples`` of
        ``seed`` show, as `NEW_RULE`."""
        z = standard_normal(samples.stop, rule.world.z_dim, seed + FLOOR_SEED_STEP).numpy()
        for batch in batches(samples, CHUNK):
            self.watch(NEW_RULE, rule.renders(z[batch.start : batch.stop], resolution))

    def table(self) -> pd.DataFrame:
        """Columns method, sample (counted within a method) and features; by sample, and within one
        by method in the order in which they were first shown."""
        parts = []
        for method, seen in self._seen.items():
            features = list(np.concatenate(seen))
            samples = range(self._first, self._first + len(features))
            rows = {"method": method, "sample": samples, "features": features}
            parts.append(pd.DataFrame(rows))
        table = pd.concat(parts, ignore_index=True)
        return table.sort_values("sample", kind="stable", ignore_index=True)


def features_of(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Features (n, C) float64 by method, in the order of the samples."""
    return {
        str(method): np.stack(rows.sort_values("sample")["features"].tolist()).astype(np.float64)
        for method, rows in table.groupby("method", sort=False)
    }
