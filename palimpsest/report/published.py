"""Figures that the paper published (Bau et al., ECCV 2020), to stand beside ours.

Only what was checked against the paper's text is entered here; what is not stays empty in the
tables. To enter a row of Table 2::

    TABLE2[("dome2spire", "projected_gradient")] = {"paper_modified_percent": ..., ...}
"""

from __future__ import annotations

TABLE1_COLUMNS = ("paper_smiling_percent", "paper_lpips_masked", "paper_realism_percent")
"""The paper's measures: share of images classified as smiling, LPIPS outside the mouth, and the
share of comparisons in which people found the image more realistic than the paper's method's."""

TABLE1: dict[str, dict[str, float]] = {}
"""By method, with `TABLE1_COLUMNS`; empty until checked against the paper's Table 1."""

TABLE2_COLUMNS = ("paper_modified_percent", "paper_lpips_masked", "paper_realism_percent")
"""The same with the share of dome pixels correctly modified, and LPIPS outside the domes."""

TABLE2: dict[tuple[str, str], dict[str, float]] = {}
"""By (edit, method), with `TABLE2_COLUMNS`; empty until checked against the paper's Table 2."""
