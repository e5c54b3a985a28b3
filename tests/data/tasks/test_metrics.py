"""Metrics against numbers worked out by hand."""

import math

import numpy as np
import pytest

from data.tasks.metrics import classification, correlation, cross_entropy, f1_of, goodness


def test_two_classes() -> None:
    # true positives 2, false positives 1, false negatives 1, true negatives 1
    found = classification(np.array([1, 1, 0, 0, 1]), np.array([1, 0, 0, 1, 1]), classes=2)
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert found["mcc"] == pytest.approx((2 * 1 - 1 * 1) / math.sqrt(3 * 3 * 2 * 2))


def test_three_classes_have_the_mean_f1_of_their_classes() -> None:
    found = classification(np.array([0, 2, 2, 2]), np.array([0, 1, 2, 2]), classes=3)
    assert found["accuracy"] == pytest.approx(3 / 4)
    assert found["f1"] == pytest.approx((1 + 0 + 4 / 5) / 3)


def test_always_the_same_class_has_no_correlation() -> None:
    found = classification(np.array([0, 0, 0]), np.array([0, 1, 0]), classes=2)
    assert found == {"accuracy": pytest.approx(2 / 3), "f1": 0.0, "macro_f1": pytest.approx(0.4), "mcc": 0.0}


def test_f1_means_the_same_whichever_classes_the_sample_holds() -> None:
    """A task of three classes, a sample with two of them: the mean of three (1, 2/3, 0), not the F1 of class 1."""
    found = classification(np.array([0, 1, 1]), np.array([0, 1, 0]), classes=3)
    assert found["f1"] == found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


def test_a_positive_class_can_be_named() -> None:
    predicted, labels = np.array([1, 1, 0, 0, 1]), np.array([1, 0, 0, 1, 1])
    assert classification(predicted, labels, classes=2, positive=0)["f1"] == pytest.approx(2 / (2 + 1 + 1))
    assert classification(predicted, labels, classes=3, positive=1)["f1"] == pytest.approx(4 / (4 + 1 + 1))
    assert f1_of(predicted, labels, 0) == pytest.approx(1 / 2)
    assert f1_of(predicted, labels, 2) == 0.0


def test_cross_entropy_is_the_mean_of_minus_the_logarithm_of_what_the_label_got() -> None:
    found = cross_entropy(np.array([[0.5, 0.5], [0.1, 0.9], [1.0, 0.0]]), np.array([0, 1, 1]))
    assert found == pytest.approx(-(math.log(0.5) + math.log(0.9) + math.log(1e-12)) / 3)


def test_of_errors_less_is_better() -> None:
    assert goodness("loss", 0.2) > goodness("loss", 0.3)
    assert goodness("mse", 0.2) > goodness("mse", 0.3)
    assert goodness("accuracy", 0.2) < goodness("accuracy", 0.3)


def test_an_empty_set_has_no_accuracy() -> None:
    empty = np.array([], int)
    assert all(math.isnan(value) for value in classification(empty, empty, classes=2).values())


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
