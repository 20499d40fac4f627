"""What a run makes for a session that is tried at several layers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from palimpsest.pipeline.parameters import load_parameters
from palimpsest.pipeline.plan import Plan
from tests.pipeline.conftest import stand_in_checkout

ROOT = Path(__file__).parents[2]
OWN = "data/edits/church/dome2tree.safetensors"
EDITS = [f"data/edits/church/dome2tree{of}.safetensors" for of in ("/newton", "/palimpsest_rank_4")]
LAYER = "      layer: 8\n      mu: 1.0\n"  # dome2tree's


@pytest.mark.pipeline
def test_candidate_layers_are_tried_with_statistics_of_their_own(tmp_path: Path) -> None:
    checkout = stand_in_checkout(tmp_path)
    assert checkout.snakemake(OWN, *EDITS).returncode == 0
    checkout.edit("params.yaml", LAYER, f"{LAYER}      candidate_layers: [6, 9]\n")
    # its own edit, and that at a further rank; no method that edits one layer, and no new drawing
    jobs = {"key_statistics": 2, "rewrite": 1, "rewrite_method": 1}
    assert checkout.plan(OWN, *EDITS) == jobs
    assert checkout.snakemake(OWN, *EDITS).returncode == 0
    own, newton, other_rank = ((checkout.folder / file).read_text() for file in (OWN, *EDITS))
    for text, layers in ((own, "869"), (newton, "8"), (other_rank, "869")):
        assert "".join(re.findall(r"--statistics \S*layer(\d+)", text)) == layers


@pytest.mark.parametrize("scale", ["mini", "quick", "smoke", "paper", "stand_ins"])
def test_every_scale_plans_them(scale: str, tmp_path: Path) -> None:
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    values["scale"] = scale
    values["sessions"]["church"]["dome2tree"]["candidate_layers"] = [6, 9]
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(values))
    plan = Plan.read(load_parameters(file, ROOT / "workflow" / "scales"), ROOT)
    assert plan.tried_layers("church", "dome2tree") == [8, 6, 9]
    assert set(plan.tried_statistics_files("church", "dome2tree")) <= set(plan.statistics_files)
