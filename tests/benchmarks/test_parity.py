"""The gate: a faster wrong answer is no faster answer."""

import numpy as np
import pytest

from benchmarks.race.parity import compare, refuse_difference, refuse_other_rows
from data.errors import PotstillError

REFERENCE = np.array([[2.0, -1.0], [0.5, 1.5], [-3.0, 3.0]])


def test_equal_answers_pass() -> None:
    found = compare(REFERENCE, REFERENCE.copy())
    assert found["rows"] == 3 and found["same_argmax"] == 1.0
    refuse_difference("loop", found)


def test_an_arm_that_did_more_rows_is_compared_on_those_both_have() -> None:
    assert compare(REFERENCE[:2], REFERENCE)["rows"] == 2


def test_another_argmax_is_refused() -> None:
    flipped = REFERENCE.copy()
    flipped[1] = [1.5, 0.5]
    with pytest.raises(PotstillError, match="loop does not compute"):
        refuse_difference("loop", compare(REFERENCE, flipped))


def test_rows_in_another_order_are_refused() -> None:
    with pytest.raises(PotstillError, match="does not compute"):
        refuse_difference("loop", compare(REFERENCE, REFERENCE[::-1]))


def test_nan_is_refused() -> None:
    with pytest.raises(PotstillError, match="does not compute"):
        refuse_difference("loop", compare(REFERENCE, np.full_like(REFERENCE, np.nan)))


def test_an_empty_answer_is_refused() -> None:
    with pytest.raises(PotstillError, match="does not compute"):
        refuse_difference("loop", compare(REFERENCE, REFERENCE[:0]))


def test_the_largest_column_of_an_embedding_means_nothing() -> None:
    near = np.array([[1.0, 1.0001]])
    refuse_difference("encode", compare(near, near[:, ::-1]), argmax=False)


def test_a_loader_that_leaves_a_row_out_is_refused() -> None:
    ours = {"rows": 1000, "ids": 52_000}
    refuse_other_rows({"ours": ours, "rival": dict(ours)}, "ours")
    with pytest.raises(PotstillError, match="rival handed out other rows than ours: rows 999"):
        refuse_other_rows({"ours": ours, "rival": {"rows": 999, "ids": 52_000}}, "ours")


def test_a_loader_that_does_not_say_is_refused() -> None:
    with pytest.raises(PotstillError, match="ids None"):
        refuse_other_rows({"ours": {"ids": 5}, "rival": {}}, "ours")
