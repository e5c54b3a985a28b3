"""The plan of an epoch: a pure function in which every row stands exactly once."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from student_train.feed.epoch import SLICE_BATCHES, generator, plan_block, plan_epoch

ROOT = "0123456789abcdef" * 4
COUNTS = st.lists(st.integers(1, 300), min_size=1, max_size=20)
KEY = st.tuples(st.just(ROOT), st.integers(0, 3), st.integers(0, 3))


@given(COUNTS, KEY, st.integers(1, 5), st.integers(1, 64))
@settings(max_examples=60, deadline=None)
def test_every_row_group_stands_once_and_batches_follow_from_counts_alone(
    counts: list[int], key: tuple[str, int, int], block_groups: int, batch_size: int
) -> None:
    blocks = plan_epoch(counts, key, block_groups=block_groups, batch_size=batch_size)
    assert sorted(group for block in blocks for group in block.groups) == list(range(len(counts)))
    assert len(blocks) == math.ceil(len(counts) / block_groups)
    first = 0
    for block in blocks:
        assert block.rows == sum(counts[group] for group in block.groups)
        assert (block.first, block.batches) == (first, math.ceil(block.rows / batch_size))
        first += block.batches


@given(st.lists(st.integers(1, 40), min_size=1, max_size=400), KEY, st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_every_row_of_a_block_stands_once_in_batches_of_the_size(
    lengths: list[int], key: tuple[str, int, int], batch_size: int
) -> None:
    block = plan_epoch([len(lengths)], key, block_groups=1, batch_size=batch_size)[0]
    batches = plan_block(np.array(lengths), key, block, batch_size=batch_size)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert len(batches) == block.batches
    sizes = sorted(len(batch) for batch in batches)
    assert sizes[1:] == [batch_size] * (len(sizes) - 1)  # one at most is smaller
    again = plan_block(np.array(lengths), key, block, batch_size=batch_size)
    assert all(np.array_equal(one, other) for one, other in zip(batches, again, strict=True))


def batches_of(seed: int = 0, epoch: int = 0, rows: int = 500) -> list[list[int]]:
    lengths = np.random.default_rng(0).integers(1, 30, rows)
    block = plan_epoch([rows], (ROOT, seed, epoch), block_groups=1, batch_size=8)[0]
    return [batch.tolist() for batch in plan_block(lengths, (ROOT, seed, epoch), block, batch_size=8)]


def test_seed_and_epoch_change_the_order() -> None:
    assert batches_of() == batches_of()
    assert batches_of(seed=1) != batches_of()
    assert batches_of(epoch=1) != batches_of()
    plans = [plan_epoch([1] * 50, (ROOT, 0, epoch), block_groups=50, batch_size=8) for epoch in range(4)]
    assert len({plan[0].groups for plan in plans}) == 4


def test_a_batch_holds_texts_of_nearly_one_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 30, 500)
    spans = [int(lengths[batch].max() - lengths[batch].min()) for batch in batches_of()]
    assert np.mean(spans) < 2.5  # 8 rows at random span about 23
    assert SLICE_BATCHES * 8 < 500  # and one slice does not hold them all


def test_batches_of_one_length_are_not_neighbours() -> None:
    lengths = np.random.default_rng(0).integers(1, 30, 500)
    means = [float(lengths[batch].mean()) for batch in batches_of()]
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.4


def test_random_streams_differ_by_data_seed_epoch_and_number_and_stay() -> None:
    keys = [(ROOT, 0, 0, 0), ("f" + ROOT[1:], 0, 0, 0), (ROOT, 1, 0, 0), (ROOT, 0, 1, 0), (ROOT, 0, 0, 1)]
    draws = [int(generator(*key).integers(1 << 62)) for key in keys]
    assert len(set(draws)) == 5
    assert draws[0] == int(generator(*keys[0]).integers(1 << 62))
