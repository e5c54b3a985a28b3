"""Rows of different lengths in one flat array, and how they are padded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.ragged import Ragged, flatten, starts_of

ROWS = st.lists(st.lists(st.integers(0, 255), max_size=6), max_size=8)


def ragged(rows: list[list[int]], dtype: type = np.uint16) -> Ragged:
    values, lengths = flatten(rows, dtype)
    return Ragged(values, starts_of(lengths), lengths)


@given(ROWS, st.integers(0, 255), st.data())
def test_rows_are_gathered_as_from_lists(rows: list[list[int]], filler: int, data: st.DataObject) -> None:
    held = ragged(rows)
    assert [held.row(number).tolist() for number in range(len(held))] == rows
    assert held.flat().tolist() == [value for row in rows for value in row]
    chosen = data.draw(st.lists(st.sampled_from(range(len(rows))), max_size=8)) if rows else []
    longest = max((len(rows[number]) for number in chosen), default=0)
    padded = held.pad(np.array(chosen, np.int64), filler)
    assert padded.dtype == np.uint16 and padded.shape == (len(chosen), longest)
    assert padded.tolist() == [rows[n] + [filler] * (longest - len(rows[n])) for n in chosen]


def test_rows_need_not_lie_one_behind_the_other() -> None:
    held = Ragged(np.arange(10, dtype=np.int32), np.array([7, 2, 0]), np.array([3, 2, 0]))
    assert held.flat().tolist() == [7, 8, 9, 2, 3]
    assert held.ends.tolist() == [10, 4, 0]
    assert held.pad(np.array([0, 1, 2])).tolist() == [[7, 8, 9], [2, 3, 0], [0, 0, 0]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_rows_of_states_are_padded_with_the_filler_whatever_stands_behind_them(dtype: type) -> None:
    states = np.array([[1, 2], [3, 4], [np.nan, np.nan]], dtype)
    padded = Ragged(states, np.array([0, 1]), np.array([1, 2])).pad(np.array([0, 1]))
    assert padded.dtype == dtype and padded.shape == (2, 2, 2)
    assert padded[0].tolist() == [[1, 2], [0, 0]] and padded[1, 0].tolist() == [3, 4] and np.isnan(padded[1, 1]).all()
    numbers = Ragged(np.array([1, np.nan], dtype), np.array([0, 0]), np.array([1, 2]))
    assert numbers.pad(np.array([0, 1]))[0].tolist() == [1, 0]


def test_no_rows_are_no_values() -> None:
    assert ragged([]).pad(np.array([], np.int64)).shape == (0, 0)
    assert ragged([[], []]).pad(np.array([0, 1])).shape == (2, 0)
