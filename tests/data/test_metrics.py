"""Metrics against numbers worked out by hand."""

import math

import numpy as np
import pytest

from data.metrics import classification, correlation


def test_two_classes() -> None:
    # true positives 2, false positives 1, false negatives 1, true negatives 1
    found = classification(np.array([1, 1, 0, 0, 1]), np.array([1, 0, 0, 1, 1]))
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert found["mcc"] == pytest.approx((2 * 1 - 1 * 1) / math.sqrt(3 * 3 * 2 * 2))


def test_three_classes_have_the_mean_f1_of_their_classes() -> None:
    found = classification(np.array([0, 2, 2, 2]), np.array([0, 1, 2, 2]))
    assert found["accuracy"] == pytest.approx(3 / 4)
    assert found["f1"] == pytest.approx((1 + 0 + 4 / 5) / 3)


def test_always_the_same_class_has_no_correlation() -> None:
    found = classification(np.array([0, 0, 0]), np.array([0, 1, 0]))
    assert found == {"accuracy": pytest.approx(2 / 3), "f1": 0.0, "mcc": 0.0}


def test_an_empty_set_has_no_accuracy() -> None:
    assert all(math.isnan(value) for value in classification(np.array([], int), np.array([], int)).values())


def test_correlations() -> None:
    # deviations -1.75 -.75 .25 2.25 and -1.5 .5 -.5 1.5: products add up to 5.5, squares to 8.75 and 5
    found = correlation(np.array([1.0, 2.0, 3.0, 5.0]), np.array([1.0, 3.0, 2.0, 4.0]))
    assert found["pearson"] == pytest.approx(5.5 / math.sqrt(8.75 * 5))
    assert found["spearman"] == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert found["mse"] == pytest.approx(3 / 4)


@pytest.mark.parametrize("size", [1, 3])
def test_a_constant_side_has_correlation_zero(size: int) -> None:
    found = correlation(np.ones(size), np.arange(size, dtype=float))
    assert (found["pearson"], found["spearman"]) == (0.0, 0.0)


def test_an_empty_set_has_no_error() -> None:
    found = correlation(np.array([]), np.array([]))
    assert found["pearson"] == 0.0
    assert math.isnan(found["mse"])
