"""Features of every measured image, from which Fréchet distances between methods are estimated.

    rows = FeatureRows(segmenter)
    measure(..., watch=rows.watch)
    rows.watch_renders(rule, range(1000), seed=3, resolution=128)
    rows.table()                        # one row an image: method, sample, features (list of C)
    features_of(table)["newton"]        # (n, C) float64

The features are those of the source's method `pooled`, as float32.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from torch import Tensor

from palimpsest.experiments.counterfactuals.new_rules import NewRule
from palimpsest.experiments.grading.generator_grades import FLOOR_SEED_STEP
from palimpsest.generators.samples import standard_normal
from palimpsest.instruments.distances.inception import InceptionFeatures
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.instruments.segmenters.cached_outputs import CHUNK, CachedOutputs
from palimpsest.sample_blocks import batches

NEW_RULE = "renders_of_the_new_rule"
"""Name, among the methods, of the world's renders under the new rule."""


class FeatureRows:
    """Features by method, in the order in which the images are given.

    ``first``: number of the first sample of each method.
    """

    def __init__(self, source: Segmenter | InceptionFeatures, first: int = 0) -> None:
        self._source = source
        self._first = first
        self._seen: dict[str, list[np.ndarray]] = {}

    def watch(self, method: str, images: Tensor | CachedOutputs) -> None:
        """Add the features of images (B, 3, H, W) in [-1, 1]."""
        features = self._source.pooled(images).astype(np.float32)
        self._seen.setdefault(method, []).append(features)

    def watch_renders(self, rule: NewRule, samples: range, seed: int, resolution: int) -> None:
        """Add, as `NEW_RULE`, the world's renders under a rule of as many scenes as there are
        ``samples``; they are other scenes than those of ``seed``."""
        z = standard_normal(samples.stop, rule.world.z_dim, seed + FLOOR_SEED_STEP).numpy()
        for batch in batches(samples, CHUNK):
            self.watch(NEW_RULE, rule.renders(z[batch.start : batch.stop], resolution))

    def table(self) -> pd.DataFrame:
        """Columns method, sample and features, sorted by sample and then by method, in the order in
        which methods were first given."""
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
