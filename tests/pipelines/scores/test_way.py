"""The share of the way from labels alone to the teacher: numbers by hand, and when there is no interval."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from data.tasks import KINDS
from pipelines.scores import way as ways
from pipelines.scores.way import Way, accuracies, correlations, from_means, way

NAMES = {"start": "labels", "student": "distilled", "teacher": "teacher"}


def predictions(labels: np.ndarray, right: int) -> np.ndarray:
    """Predictions of which the first `right` are right."""
    return np.where(np.arange(len(labels)) < right, labels, 1 - labels)


def test_the_share_equals_a_number_by_hand() -> None:
    assert from_means("labels", 0.8, 0.875, 0.9) == Way("labels", pytest.approx(0.75))
    assert from_means("labels", 0.9, 0.95, 0.9) is None  # there is no way to go


def test_the_interval_holds_the_share_and_narrows_with_the_rows() -> None:
    found = []
    for rows in (200, 3_200):
        labels = np.arange(rows) % 2
        answers = {
            "labels": [predictions(labels, rows * 70 // 100)],
            "distilled": [predictions(labels, rows * 80 // 100), predictions(labels, rows * 82 // 100)],
            "teacher": [predictions(labels, rows * 90 // 100)],
        }
        found.append(way("classify", labels, answers, **NAMES))
    few, many = found
    assert few.share == pytest.approx(0.55)
    assert few.low < 0.55 < few.high
    assert many.high - many.low < (few.high - few.low) / 2


def test_rows_are_drawn_for_all_models_together() -> None:
    """A student that is right wherever the teacher is covers the whole way in every draw."""
    labels = np.arange(100) % 2
    same = predictions(labels, 90)
    found = way(
        "classify", labels, {"labels": [predictions(labels, 60)], "distilled": [same], "teacher": [same]}, **NAMES
    )
    assert found == Way("labels", 1.0, 1.0, 1.0)


def test_a_teacher_that_is_hardly_better_gives_no_interval() -> None:
    labels = np.arange(50) % 2
    answers = {name: [predictions(labels, right)] for name, right in (("labels", 40), ("distilled", 40))}
    close = np.where(np.arange(50) >= 9, labels, 1 - labels)  # 41 right, others than those of the start
    found = way("classify", labels, answers | {"teacher": [close]}, **NAMES)
    assert (found.low, found.high) == (None, None)
    assert way("classify", labels, answers | {"teacher": [predictions(labels, 40)]}, **NAMES) is None


def test_correlations_of_many_draws_are_those_of_the_rows_counted_so_often() -> None:
    rng = np.random.default_rng(1)
    labels, said = rng.normal(size=40), rng.normal(size=(2, 40))
    whole = correlations(labels, {"a": said})(np.ones((1, 40)))["a"][0]
    assert whole == pytest.approx([spearmanr(row, labels).statistic for row in said])
    assert (correlations(labels, {"a": np.zeros((1, 40))})(np.ones((1, 40)))["a"] == 0).all()


def test_accuracies_count_rows_as_often_as_they_are_drawn() -> None:
    found = accuracies(np.array([0, 1]), {"a": np.array([[0, 0]])})(np.array([[3.0, 1.0], [0.0, 2.0]]))["a"]
    assert found.tolist() == [[0.75], [0.0]]


def test_every_kind_has_its_score() -> None:
    assert ways.SCORES.keys() == KINDS.keys()
