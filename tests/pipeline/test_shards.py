import pytest

from palimpsest.errors import ParameterError
from palimpsest.pipeline.shards import Shard, most_shards
from palimpsest.sample_blocks import BLOCK, batches


@pytest.mark.parametrize("n", [1, BLOCK, BLOCK + 1, 10 * BLOCK - 3, 10_000])
def test_shards_take_every_sample_once_and_in_order(n: int) -> None:
    for of in {1, min(3, most_shards(n)), most_shards(n)}:
        parts = [Shard(number, of).samples(n) for number in range(1, of + 1)]
        assert [sample for part in parts for sample in part] == list(range(n))
        assert all(len(part) for part in parts)
        assert max(map(len, parts)) - min(map(len, parts)) <= 2 * BLOCK


@pytest.mark.parametrize("batch", [1, 6, BLOCK, 100])
def test_samples_are_cut_alike_in_shards_and_in_the_whole(batch: int) -> None:
    whole = list(batches(range(100), batch))
    assert [sample for part in whole for sample in part] == list(range(100))
    assert max(map(len, whole)) == min(batch, BLOCK)
    for of in (1, 2, 3, 7):
        shards = [Shard(number, of).samples(100) for number in range(1, of + 1)]
        assert [part for shard in shards for part in batches(shard, batch)] == whole


def test_a_shard_is_called_by_its_name() -> None:
    assert Shard.called("3-of-20") == Shard(3, 20) and Shard(3, 20).name == "3-of-20"
    for wrong in ("", "3", "3/20", "0-of-2", "3-of-2", "-1-of-2", "1-of-2 "):
        with pytest.raises(ParameterError, match="not a shard, such as 3-of-20"):
            Shard.called(wrong)


def test_more_shards_than_blocks_are_refused() -> None:
    assert len(Shard(7, 7).samples(100)) == 4
    with pytest.raises(ParameterError, match="100 samples are 7 blocks of 16"):
        Shard(1, 8).samples(100)


def test_batches_that_would_cut_a_block_are_refused() -> None:
    with pytest.raises(ParameterError, match="first sample 5 must be"):
        next(batches(range(5, 20), 4))
    with pytest.raises(ParameterError, match="batch = 0"):
        next(batches(range(20), 0))
