"""The numbers a task is judged by. Everything takes and returns numpy; higher is better, but for those of `LOWER`."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

OVER_SEEDS = "all"  # in JSON, beside the seeds: mean and spread of each metric
LOWER = ("loss", "mse")  # metrics of which less is better
OF_CLASS = "f1:"  # `f1:spam` is the F1 of the class spam


@dataclass(frozen=True)
class SeedScores:
    """What one model scored on one file: seed -> metric -> value."""

    seeds: Mapping[str, Mapping[str, float]]

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(next(iter(self.seeds.values()), ()))

    def spread(self, metric: str) -> dict[str, float]:
        """Mean and sample standard deviation over the seeds."""
        return spread([scores[metric] for scores in self.seeds.values()])

    def mean(self, metric: str) -> float:
        return self.spread(metric)["mean"]

    def std(self, metric: str) -> float:
        return self.spread(metric)["std"]

    def to_json(self) -> dict[str, Any]:
        """The seeds, and under `all` mean and spread of each metric."""
        return {**self.seeds, OVER_SEEDS: {metric: self.spread(metric) for metric in self.metrics}}

    @staticmethod
    def of_json(values: Mapping[str, Any]) -> "SeedScores":
        return SeedScores({seed: scores for seed, scores in values.items() if seed != OVER_SEEDS})


def goodness(name: str, value: float) -> float:
    """A metric's value turned so that more is better: for choosing, never for showing."""
    return -value if name in LOWER else value


def spread(values: list[float]) -> dict[str, float]:
    """Mean and sample standard deviation (0 for one value)."""
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)
    return {"mean": mean, "std": math.sqrt(variance)}


def classification(
    predicted: np.ndarray, labels: np.ndarray, *, classes: int, positive: int | None = None
) -> dict[str, float]:
    """Accuracy, F1, macro F1 and Matthews correlation.

    predicted, labels: int [N] of the task's classes 0 … `classes` - 1. `macro_f1` is the mean F1 of all of the task's
    classes, whichever of them occur here: one that neither occurs nor is answered counts 0. `f1` is that of the class
    `positive`; where none is named, of class 1 if there are two classes (as GLUE reports it), else the macro mean.
    An empty set has no metric: NaN.
    """
    from sklearn import metrics

    if not len(labels):
        return dict.fromkeys(("accuracy", "f1", "macro_f1", "mcc"), float("nan"))
    each = metrics.f1_score(labels, predicted, labels=range(classes), average=None, zero_division=0)
    macro, positive = float(each.mean()), 1 if positive is None and classes == 2 else positive
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one class and one answer: no matrix of confusions, a correlation of 0
        mcc = float(metrics.matthews_corrcoef(labels, predicted))
    return {
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "f1": macro if positive is None else float(each[positive]),
        "macro_f1": macro,
        "mcc": mcc,
    }


def f1_of(predicted: np.ndarray, labels: np.ndarray, number: int) -> float:
    """F1 of one class: 2 · hits / (answers of it + rows of it); 0 where it has neither. predicted, labels: int [N]."""
    answered, true = predicted == number, labels == number
    return float(2 * (answered & true).sum() / max(1, answered.sum() + true.sum()))


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -log p[y]; no probability counts as less than 1e-12. probabilities: [N, C]; labels: int [N]."""
    if not len(labels):
        return float("nan")
    given = probabilities[np.arange(len(labels)), labels.astype(np.int64)]
    return float(-np.log(np.maximum(given, 1e-12)).mean())


def correlation(predicted: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Pearson and Spearman correlation and the mean squared error; a constant side has correlation 0.

    predicted, labels: float [N].
    """
    from scipy import stats

    error = float(np.mean((predicted - labels) ** 2)) if len(labels) else float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a constant input: the correlation is undefined, we report 0
        pearson = stats.pearsonr(predicted, labels).statistic if len(labels) > 1 else 0.0
        spearman = stats.spearmanr(predicted, labels).statistic if len(labels) > 1 else 0.0
    return {
        "pearson": float(np.nan_to_num(pearson)),
        "spearman": float(np.nan_to_num(spearman)),
        "mse": error,
    }
