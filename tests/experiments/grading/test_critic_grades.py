"""The table of critics against the files that it is made from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from palimpsest.errors import CheckpointError, PalimpsestError
from palimpsest.experiments.grading.critic_grades import critics_table
from palimpsest.instruments.critics.critic import Critic, CriticArchitecture
from palimpsest.instruments.segmenters.world_segmenter import WorldSegmenter

GRADE = {
    "rule": "dome2spire",
    "kind": "ghost",
    "right": 3,
    "n": 4,
    "share": 0.75,
    "share_low": 0.301,
    "share_high": 0.954,
    "counterfactual_drop": 0.01,
    "spoilt_drop": 0.2,
}


def critic(segmenter: WorldSegmenter, grades: list, folder: Path) -> Path:
    architecture = CriticArchitecture(segmenter.feature_channels[:2], width=2, hidden=2)
    torch.manual_seed(0)
    facts = {"grades": grades}
    file = folder / f"critic{len(grades)}.safetensors"
    Critic(architecture.build(), architecture, segmenter, "church", facts).save(file)
    return file


def test_a_row_is_a_grade(random_segmenter: WorldSegmenter, tmp_path: Path) -> None:
    other = GRADE | {"kind": "blur", "share": 1.0, "right": 4}
    table = critics_table([critic(random_segmenter, [GRADE, other], tmp_path)])
    assert list(table["kind"]) == ["ghost", "blur"] and set(table["model"]) == {"church"}
    first = table.iloc[0]
    assert (first["preferred_percent"], first["n"]) == (75.0, 4)
    assert first["preferred_percent_low"] == pytest.approx(30.1)
    assert (first["counterfactual_drop"], first["spoilt_drop"]) == (0.01, 0.2)


def test_a_critic_without_grades_and_another_file_are_refused(
    random_segmenter: WorldSegmenter, tmp_path: Path
) -> None:
    with pytest.raises(PalimpsestError, match="was never graded"):
        critics_table([critic(random_segmenter, [], tmp_path)])
    (tmp_path / "no.safetensors").write_bytes(b"no")
    with pytest.raises(CheckpointError, match="no.safetensors"):
        critics_table([tmp_path / "no.safetensors"])
