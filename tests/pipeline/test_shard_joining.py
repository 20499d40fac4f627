"""Shards put together are what one job would have written, and nothing else is put together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from palimpsest.errors import PalimpsestError
from palimpsest.experiments.comparison.image_features import NEW_RULE
from palimpsest.files.measurements import (
    Stored,
    measured_facts,
    write_measurements,
)
from palimpsest.generators import save_generator
from palimpsest.memory import Edit
from palimpsest.pipeline.shard_joining import join_shards
from stages import join_measurements, measure

N = 100
"""Seven blocks of samples, the last of them not full."""


@pytest.fixture(scope="module")
def measured(small_generator, random_segmenter, tmp_path_factory):
    """Measures the N samples in so many shards, in batches that are no part of a block."""
    folder = tmp_path_factory.mktemp("measured")
    save_generator(small_generator, folder / "g.safetensors")
    random_segmenter.save(folder / "s.safetensors")
    random = torch.Generator().manual_seed(1)
    outputs, inputs = small_generator.layer(6).weight.shape[:2]
    Edit(
        torch.nn.functional.normalize(torch.randn(1, inputs, generator=random)),
        3 * torch.randn(outputs, 1, 3, 3, generator=random),
        {"layer": "6", "weights_sha256": small_generator.weights_sha256},
    ).save(folder / "edit.safetensors")

    def shards(of: int) -> list[Path]:
        files = [folder / f"{number}-of-{of}.parquet" for number in range(1, of + 1)]
        for file in files:
            measure.main(
                weights=folder / "g.safetensors",
                segmenter=folder / "s.safetensors",
                model="church",
                session=folder / "dome2spire.json",
                change=json.dumps({"source": random_segmenter.classes[:4]}),
                out=file,
                out_features=features_beside(file),
                edit=[f"newton={folder / 'edit.safetensors'}"],
                world="church",
                samples=N,
                shard=file.stem,
                batch=6,
                perceptual="encoder",
            )
        return files

    return shards


def features_beside(file: Path) -> Path:
    return file.with_name(f"{file.stem}_features.parquet")


def test_the_files_do_not_depend_on_the_number_of_shards(measured, tmp_path) -> None:
    (whole,) = measured(1)
    rows = pd.read_parquet(whole)
    assert rows["sample"].tolist() == [sample for sample in range(N) for _ in range(2)]
    assert rows["perceptual_outside"].nunique() > N and rows["counterfactual_error"].nunique() > 9
    features = pd.read_parquet(features_beside(whole))
    assert features["method"].tolist() == ["unmodified", "newton", NEW_RULE] * N
    assert len(set(map(bytes, features["features"]))) == 3 * N
    joined = []
    for files in ([whole], measured(2), measured(3), measured(7)):
        join_measurements.main(
            shard=files,
            out=tmp_path / "rows.parquet",
            features=[features_beside(file) for file in reversed(files)],
            out_features=tmp_path / "features.parquet",
        )
        names = ("rows.parquet", "features.parquet")
        joined.append([(tmp_path / name).read_bytes() for name in names])
    assert all(files == [whole.read_bytes(), joined[0][1]] for files in joined)
    # (parquet stores the type of a list under another name the second time)
    again = Stored.read(tmp_path / "features.parquet"), Stored.read(features_beside(whole))
    assert again[0].rows.equals(again[1].rows, check_metadata=True)
    assert again[0].facts == again[1].facts


FACTS = {"weights_sha256": "5f0c", "session": "dome2spire", "samples": "40", "seed": "3"}


def written(path: Path, held: range, shard: str, methods: str = "ab", **facts: str) -> Path:
    """A shard of 40 samples, as `stages.measure` would write it."""
    rows = {"sample": np.repeat(held, len(methods)), "method": [*methods] * len(held)}
    table = pd.DataFrame(rows).assign(kept_pixels=7)
    write_measurements(table, path, {**FACTS, "shard": shard, **facts})
    return path


@pytest.fixture
def thirds(tmp_path: Path) -> list[Path]:
    samples = (range(16), range(16, 32), range(32, 40))
    return [
        written(tmp_path / f"{place}.parquet", part, f"{place}-of-3")
        for place, part in enumerate(samples, 1)
    ]


def test_shards_are_joined_in_their_own_order(thirds: list[Path], tmp_path: Path) -> None:
    join_shards([thirds[2], thirds[0], thirds[1]]).write(tmp_path / "all.parquet")
    table = pd.read_parquet(tmp_path / "all.parquet")
    assert table["sample"].tolist() == [sample for sample in range(40) for _ in "ab"]
    assert measured_facts(tmp_path / "all.parquet") == {**FACTS, "shard": "1-of-1"}
    again = join_shards([tmp_path / "all.parquet"])
    assert again.rows.equals(join_shards(thirds).rows)


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ({"shard": "2-of-3", "seed": "4"}, "seed is '4', but '3' in"),
        ({"shard": "2-of-3", "samples": "48"}, "samples is '48', but '40' in"),
        ({"shard": "2-of-3", "weights_sha256": "0000"}, "weights_sha256 is '0000'"),
        ({"shard": "2-of-3", "more": "facts"}, "more is 'facts', but None"),
        ({"shard": "1-of-3"}, "is shard 1-of-3, as .*1.parquet is; give each once"),
        ({"shard": "2-of-2"}, "is shard 2-of-2, but .* is 1-of-3; join shards of one division"),
        ({"shard": "2-of-9"}, "has no shard and number of samples"),
        ({"shard": "second"}, "has no shard and number of samples"),
        ({"shard": "2-of-3", "methods": "ac"}, "is not a, b of the samples 16 to 31"),
        ({"shard": "2-of-3", "methods": "abc"}, "is not a, b of the samples 16 to 31"),
        ({"shard": "2-of-3", "held": range(16, 31)}, "of the samples 16 to 31"),
        ({"shard": "2-of-3", "held": range(15, 31)}, "of the samples 16 to 31"),
        ({"shard": "2-of-3", "held": range(0)}, "has no rows"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    thirds: list[Path], second: dict[str, Any], says: str
) -> None:
    written(thirds[1], **{"held": range(16, 32)} | second)
    with pytest.raises(PalimpsestError, match=says) as refused:
        join_shards(thirds)
    assert str(thirds[1]) in str(refused.value)


def test_a_missing_shard_is_named(thirds: list[Path]) -> None:
    with pytest.raises(PalimpsestError, match="shard 2-of-3 of the same measurement is missing"):
        join_shards([thirds[2], thirds[0]])
    with pytest.raises(PalimpsestError, match="no such file"):
        join_shards([*thirds[:2], thirds[2].with_name("none.parquet")])


def test_shards_of_other_columns_are_refused(thirds: list[Path]) -> None:
    table = pd.read_parquet(thirds[1]).assign(kept_pixels=7.0)
    write_measurements(table, thirds[1], measured_facts(thirds[1]))
    with pytest.raises(PalimpsestError, match="2.parquet: has other columns than"):
        join_shards(thirds)
    write_measurements(table.drop(columns="method"), thirds[1], measured_facts(thirds[1]))
    with pytest.raises(PalimpsestError, match="2.parquet: has no rows of samples and methods"):
        join_shards(thirds)


def test_nothing_is_written_of_shards_that_are_refused(thirds: list[Path], tmp_path: Path) -> None:
    written(tmp_path / "other.parquet", range(16, 32), "2-of-3", seed="4")
    shards = [thirds[0], tmp_path / "other.parquet", thirds[2]]
    out, out_features = tmp_path / "rows.parquet", tmp_path / "features.parquet"
    with pytest.raises(PalimpsestError, match="other.parquet: seed"):
        join_measurements.main(shard=shards, out=out, features=thirds, out_features=out_features)
    assert not out.exists() and not out_features.exists()
    with pytest.raises(PalimpsestError, match="give both or neither"):
        join_measurements.main(shard=thirds, out=out, features=thirds)
