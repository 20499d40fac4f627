"""Settings of the grades of a generator of photographs; without torch."""

from __future__ import annotations

from palimpsest.settings import Count, Seed, Settings


class PhotographGrading(Settings):
    """How samples are compared with training photographs.

    ``compared``: number of samples, and of held-out photographs, whose nearest training photograph
    is sought. ``candidates``: training photographs nearest in pooled features, among which the
    perceptual distance decides. ``shown``: samples on the sheet, those nearest to the training set.
    ``seed``: of the samples.
    """

    compared: Count = 800
    candidates: Count = 8
    shown: Count = 24
    seed: Seed = 4
