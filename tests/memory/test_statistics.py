"""Key statistics: the same whatever the batch, and refused where they do not belong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from palimpsest.errors import StatisticsError
from palimpsest.files.arrays import save_arrays
from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.base import Generator
from palimpsest.memory import Edit, KeyStatistics, statistics
from palimpsest.memory.statistics import QUANTILE_LEVELS
from palimpsest.sessions.opening import check_statistics

if TYPE_CHECKING:
    from tests.memory.conftest import Recorded

SUMS = (24 * 256) ** 0.5 * 2**-24
"""Relative rounding of float32 sums over the 24 × 256 cells of these tests, 5e-6: half a last bit,
2⁻²⁴, for each term, which add up like a random walk. One cell too many would change 1.6e-4."""


@pytest.fixture(scope="module")
def g() -> Generator:
    golden = Path(__file__).parents[1] / "golden"
    return load_generator(golden / "sg2_checkpoint.safetensors", truncation=0.5)


def all_keys(g: Generator, layer: int, n: int) -> torch.Tensor:
    k = g.layer(layer).keys(sample_z(g, n)).k
    return k.transpose(0, 1).flatten(1).T.double()  # (cells, N)


def test_streaming_equals_direct(g: Generator) -> None:
    stats = KeyStatistics.collect(g, layer=6, n=24, batch=7)
    keys = all_keys(g, 6, 24)
    direct = keys.T @ keys / len(keys)
    assert stats.count == len(keys) == 24 * 256
    assert (stats.second_moment - direct).norm() < SUMS * direct.norm()
    quantiles = torch.quantile(keys, QUANTILE_LEVELS, dim=0).T  # fewer cells than are kept: exact
    assert torch.allclose(stats.unit_quantiles.double(), quantiles, atol=1e-5)
    assert torch.equal(stats.unit_second_moment, stats.second_moment.diagonal())


@settings(max_examples=6, deadline=None)
@given(batch=st.integers(1, 24))
def test_batch_size_does_not_matter(g: Generator, batch: int) -> None:
    one = KeyStatistics.collect(g, layer=6, n=12)
    other = KeyStatistics.collect(g, layer=6, n=12, batch=batch)
    scale = one.second_moment.norm()
    assert (one.second_moment - other.second_moment).norm() < SUMS * scale
    assert torch.allclose(one.unit_quantiles, other.unit_quantiles, atol=1e-4)


def test_several_layers_in_one_pass(g: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = {n: KeyStatistics.collect(g, layer=n, n=12) for n in (6, 7)}
    starts = []
    start = type(g).start
    monkeypatch.setattr(type(g), "start", lambda self, z: starts.append(len(z)) or start(self, z))
    together = KeyStatistics.collect(g, layers=(7, 6), n=12)
    assert sum(starts) == 12
    for number, stats in alone.items():
        assert torch.equal(together[number].second_moment, stats.second_moment)
        assert together[number].metadata == stats.metadata


def test_excluded_cells_are_left_out(g: Generator) -> None:
    def upper_half(state, z):
        left_out = torch.zeros(len(z), *state.k.shape[2:], dtype=torch.bool)
        left_out[:, :8] = True
        return left_out

    stats = KeyStatistics.collect(g, layer=6, n=24, exclude=upper_half, excluding="upper half")
    keys = all_keys(g, 6, 24).reshape(24, 16, 16, -1)[:, 8:].reshape(24 * 128, -1)
    direct = keys.T @ keys / len(keys)
    assert stats.count == len(keys)
    assert (stats.second_moment - direct).norm() < SUMS * direct.norm()
    assert torch.allclose(stats.unit_quantiles[:, -1].double(), keys.amax(dim=0))
    assert stats.metadata["excluding"] == "upper half"


def test_cells_that_count_more_are_avoided_by_a_direction(g: Generator) -> None:
    stats = KeyStatistics.collect(g, layer=6, n=40, seed=1)
    rare = KeyStatistics(torch.diag(stats.second_moment.diag().flip(0)), stats.count)
    assert torch.equal(stats.with_more(rare, 0).second_moment, stats.second_moment)
    more = stats.with_more(rare, 2.0)
    torch.testing.assert_close(more.second_moment, stats.second_moment + 2 * rare.second_moment)
    assert more.metadata == stats.metadata and more.count == stats.count
    keys = all_keys(g, 6, 4)[:50]
    response = [  # of the rare cells to the direction C^-1 k, relative to that of k itself
        float(d @ rare.second_moment @ d / (d @ keys.double().mean(0)) ** 2)
        for d in (s.inverse @ keys.double().mean(0) for s in (stats, more))
    ]
    assert response[1] < response[0]


def test_everything_excluded_is_an_error(g: Generator) -> None:
    with pytest.raises(StatisticsError, match="left out"):
        KeyStatistics.collect(
            g, layer=6, n=4, exclude=lambda s, z: torch.ones(len(z), 16, 16, dtype=torch.bool)
        )


def test_whitened_keys_have_unit_moment(g: Generator) -> None:
    stats = KeyStatistics.collect(g, layer=6, n=24)
    white = stats.whiten(all_keys(g, 6, 24))
    assert torch.allclose(white.T @ white / len(white), torch.eye(48).double(), atol=1e-3)
    assert torch.allclose(
        stats.zca @ stats.zca @ stats.second_moment, torch.eye(48).double(), atol=1e-6
    )


def test_quantile_of(g: Generator) -> None:
    stats = KeyStatistics.collect(g, layer=6, n=24)
    keys = all_keys(g, 6, 24)
    share = stats.quantile_of(keys[:50])
    expected = (keys[None] < keys[:50, None]).double().mean(dim=1)
    assert (share - expected).abs().max() < 5e-3


def test_save_and_load(g: Generator, tmp_path: Path) -> None:
    stats = KeyStatistics.collect(g, layer=6, n=12)
    stats.save(tmp_path / "layer6.safetensors")
    loaded = KeyStatistics.load(
        tmp_path / "layer6.safetensors",
        expect={
            "weights_sha256": g.weights_sha256,
            "layer": 6,
            "n": 12,
            "seed": 1,
            "truncation": 0.5,
            "noise": "single",
            "excluding": "",
        },
    )
    assert torch.equal(loaded.second_moment, stats.second_moment)
    assert torch.equal(loaded.unit_quantiles, stats.unit_quantiles)
    assert loaded.count == stats.count
    assert loaded.metadata == stats.metadata


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weights_sha256", "0" * 64),
        ("layer", 7),
        ("truncation", 1.0),
        ("seed", 2),
        ("n", 13),
        ("noise", "buffers"),
        ("excluding", "dome"),
    ],
)
def test_other_provenance_is_refused_by_name(
    g: Generator, tmp_path: Path, name: str, value: object
) -> None:
    path = tmp_path / "layer6.safetensors"
    KeyStatistics.collect(g, layer=6, n=12).save(path)
    with pytest.raises(StatisticsError, match=f"layer6.safetensors: made with {name} = "):
        KeyStatistics.load(path, expect={name: value})


def test_statistics_of_an_edited_generator_are_not_those_of_the_unedited(
    g: Generator, tmp_path: Path
) -> None:
    m, n = g.layer(6).weight.shape[:2]
    change = {"layer": "6", "weights_sha256": g.weights_sha256, "session": "hat"}
    edit = Edit(torch.eye(n)[:1], torch.ones(m, 1, 3, 3), change)
    path, edited = tmp_path / "layer7.safetensors", edit.apply(g)
    stats = KeyStatistics.collect(edited, layer=7, n=12)
    assert stats.metadata["made_on"] == f"hat {edit.identity[:12]} at 1"
    assert stats.metadata["model_sha256"] == g.weights_sha256
    stats.save(path)
    KeyStatistics.load(path, expect={"weights_sha256": edited.weights_sha256})
    check_statistics(edited, edited.layer(7), stats)
    refused = rf"made with weights_sha256 = {edited.weights_sha256} \(made on hat "
    for other in (g, edit.apply(g, 0.5), edit.apply(edited)):
        with pytest.raises(StatisticsError, match=refused) as caught:
            KeyStatistics.load(path, expect={"weights_sha256": other.weights_sha256})
        assert "\n" not in str(caught.value)
        with pytest.raises(StatisticsError, match=refused):
            check_statistics(other, other.layer(7), stats)
    plain = KeyStatistics.collect(g, layer=7, n=12)
    assert "made_on" not in plain.metadata
    with pytest.raises(StatisticsError, match="weights_sha256"):
        check_statistics(edited, edited.layer(7), plain)
    check_statistics(edited, edited.layer(7), plain, before_edits=True)
    with pytest.raises(StatisticsError, match="weights_sha256"):
        check_statistics(g, g.layer(7), stats, before_edits=True)


def good_moment(size: int = 4) -> torch.Tensor:
    return torch.eye(size, dtype=torch.float64) * 2


def test_unusable_moments() -> None:
    with pytest.raises(StatisticsError, match="at least 40"):
        KeyStatistics(good_moment(), count=39)
    broken = good_moment()
    broken[0, 0] = float("nan")
    with pytest.raises(StatisticsError, match="NaN"):
        KeyStatistics(broken, count=100)
    skew = good_moment()
    skew[0, 1] = 0.5
    with pytest.raises(StatisticsError, match="not symmetric"):
        KeyStatistics(skew, count=100)
    silent = good_moment()
    silent[2, 2] = 0
    with pytest.raises(StatisticsError, match=r"singular.*units \[2\] are always zero"):
        KeyStatistics(silent, count=100)
    with pytest.raises(StatisticsError, match="singular"):
        KeyStatistics(torch.ones(4, 4), count=100)
    with pytest.raises(StatisticsError, match=r"must be \(N, N\)"):
        KeyStatistics(torch.ones(4, 5), count=100)


def test_small_eigenvalues_are_clamped_before_the_root() -> None:
    nearly = torch.diag(torch.tensor([1.0, 1e-11], dtype=torch.float64))
    assert torch.isfinite(KeyStatistics(nearly, count=100).zca).all()
    assert KeyStatistics(nearly, count=100).zca.max() < 1.01e9**0.5


def test_too_few_samples(g: Generator) -> None:
    with pytest.raises(StatisticsError, match="layer 6.*256 cells.*use more samples"):
        KeyStatistics.collect(g, layer=6, n=1)


def test_damaged_or_foreign_file(tmp_path: Path, recorded: Recorded) -> None:
    path = tmp_path / "layer6.safetensors"
    with pytest.raises(StatisticsError, match="no such file"):
        KeyStatistics.load(path)
    save_arrays(path, {"weights": torch.ones(2)})
    with pytest.raises(StatisticsError, match="holds no second_moment"):
        KeyStatistics.load(path)
    recorded.stats.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StatisticsError, match="damaged"):
        KeyStatistics.load(path)


def test_more_samples_than_cells_are_kept_give_no_more_of_them(
    g: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory must not grow with n: cells come from evenly many of the samples, in any batch."""
    monkeypatch.setattr(statistics, "QUANTILE_CELLS", 50)
    sums = statistics._Sums(units=3, n=130)
    drawn = [number for number in range(130) if sums._draws_from(number)]
    assert len(drawn) == 50 and np.diff(drawn).max() <= 3
    one, other = (KeyStatistics.collect(g, 6, n=130, batch=batch) for batch in (7, 40))
    assert sums.drawn.shape == (3, 50)
    assert torch.allclose(one.unit_quantiles, other.unit_quantiles, atol=1e-4)
    middle = all_keys(g, 6, 130).median(dim=0).values
    # four deviations of a share told from 50 cells
    assert ((one.quantile_of(middle[None]) - 0.5).abs() < 4 * 0.5 / 50**0.5).all()
