"""Batches are sorted by length, hold every row once, and keep to the budget."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from teacher_cache.inference.batching import padded_tokens, plan_batches

LENGTHS = st.lists(st.integers(0, 128), max_size=200).map(lambda values: np.array(values, np.int64))
BUDGETS = st.integers(1, 2000)


@given(LENGTHS, BUDGETS)
def test_every_row_with_sub_words_is_in_exactly_one_batch(lengths: np.ndarray, budget: int) -> None:
    rows = [int(row) for batch in plan_batches(lengths, budget) for row in batch]
    assert sorted(rows) == np.flatnonzero(lengths).tolist()


@given(LENGTHS, BUDGETS)
def test_no_batch_is_above_the_budget_but_a_single_row(lengths: np.ndarray, budget: int) -> None:
    for batch in plan_batches(lengths, budget):
        assert len(batch) * lengths[batch].max() <= budget or len(batch) == 1


@given(LENGTHS, BUDGETS)
def test_the_longest_rows_come_first(lengths: np.ndarray, budget: int) -> None:
    order = np.concatenate([[], *plan_batches(lengths, budget)]).astype(int)
    assert (np.diff(lengths[order]) <= 0).all()


@given(LENGTHS, BUDGETS)
def test_the_plan_is_a_pure_function(lengths: np.ndarray, budget: int) -> None:
    first, second = plan_batches(lengths, budget), plan_batches(lengths.copy(), budget)
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in second]


def test_a_batch_ends_at_a_change_of_length_once_it_holds_an_eighth_of_the_budget() -> None:
    lengths = np.array([10] * 3 + [9] * 2 + [2] * 30)
    assert [len(batch) for batch in plan_batches(lengths, 160)] == [3, 2, 30]  # 20 sub-words are an eighth
    assert [len(batch) for batch in plan_batches(lengths, 40)] == [3, 2, 20, 10]


def test_a_full_window_has_hardly_any_padding() -> None:
    lengths = np.repeat(np.arange(1, 60), 500)
    assert padded_tokens(lengths, plan_batches(lengths, 2048)) < 1.001 * lengths.sum()


def test_padding_is_counted() -> None:
    lengths = np.array([4, 1, 1])
    assert padded_tokens(lengths, [np.array([0, 1, 2])]) == 12


def test_nothing_gives_no_batch() -> None:
    assert plan_batches(np.array([], np.int64), 100) == [] and plan_batches(np.zeros(3, np.int64), 100) == []
