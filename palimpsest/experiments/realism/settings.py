"""Settings of a realism study."""

from __future__ import annotations

from palimpsest.settings import Count, Name, Seed, Settings


class StudySettings(Settings):
    """Settings of a study: ``pairs`` pairs of each method, compared with the method ``against``.

    ``seed``: of the draw of samples, the sides and the order.
    """

    pairs: Count
    against: Name
    seed: Seed
