"""One real score for a text or a pair of texts (STS-B: similarity from 0 to 5)."""

import math
from typing import Any

import numpy as np
import pyarrow as pa

from data.example import Label
from data.tasks import metrics
from data.tasks.kind import Kind

LARGEST = float(np.finfo(np.float32).max)  # scores are stored as float32


def parse_label(text: str, labels: tuple[str, ...]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"label {text!r} is not a finite number")
    if abs(value) > LARGEST:
        raise ValueError(f"label {text!r} does not fit into float32")
    return value


def show_label(label: Label, labels: tuple[str, ...]) -> str:
    return f"{label:.4g}"


def scores(logits: np.ndarray) -> np.ndarray:
    return logits.astype(np.float64)


def predict(logits: np.ndarray) -> np.ndarray:
    return logits[..., 0]


def says(logits: np.ndarray, labels: tuple[str, ...]) -> list[dict[str, Any]]:
    """{"score"} for each row of logits [N, 1]."""
    return [{"score": float(score)} for score in predict(logits)]


def measure(logits: np.ndarray, labels: np.ndarray, positive: int | None = None) -> dict[str, float]:
    return metrics.correlation(predict(logits), labels)


REGRESS = Kind(
    name="regress",
    named=False,
    unit="text",
    width=lambda labels: 1,
    label_type=pa.float32(),
    missing=math.nan,
    hard_loss="mse",
    parse_label=parse_label,
    show_label=show_label,
    softmax_over=None,
    probabilities=scores,
    predict=predict,
    says=says,
    metrics=measure,
    measured=("pearson", "spearman", "mse"),
    main_metric="spearman",
)
