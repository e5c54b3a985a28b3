"""The numbers a task is judged by. Everything takes and returns numpy; higher is better."""

import warnings

import numpy as np


def classification(predicted: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy, F1 (of class 1 for two classes as GLUE reports it, else macro) and Matthews correlation.

    predicted, labels: int [N]. An empty set has no accuracy: NaN.
    """
    from sklearn import metrics

    if not len(labels):
        return {"accuracy": float("nan"), "f1": float("nan"), "mcc": float("nan")}
    two = set(np.unique(labels)) | set(np.unique(predicted)) <= {0, 1}
    return {
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "f1": float(metrics.f1_score(labels, predicted, average="binary" if two else "macro", zero_division=0)),
        "mcc": float(metrics.matthews_corrcoef(labels, predicted)),
    }


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
