"""One class out of C for a text or a pair of texts."""

from typing import Any

import numpy as np
import pyarrow as pa

from data.example import Label
from data.tasks import metrics
from data.tasks.kind import Kind


def parse_label(text: str, labels: tuple[str, ...]) -> int:
    """Find a label by its name. A number is a name like any other, never a place among them."""
    if text in labels:
        return labels.index(text)
    raise ValueError(f"label {text!r} is none of {', '.join(labels)}")


def show_label(label: Label, labels: tuple[str, ...]) -> str:
    return labels[int(label)]  # type: ignore[arg-type]


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, in float64 and safe from overflow."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def predict(logits: np.ndarray) -> np.ndarray:
    return logits.argmax(axis=-1)


def says(logits: np.ndarray, labels: tuple[str, ...]) -> list[dict[str, Any]]:
    """{"label", "probability", "probabilities": name -> share} for each row of logits [N, C]."""
    return [
        {
            "label": labels[label],
            "probability": round(float(row[label]), 6),
            "probabilities": {name: round(float(share), 6) for name, share in zip(labels, row, strict=True)},
        }
        for label, row in zip(predict(logits).tolist(), probabilities(logits), strict=True)
    ]


def measure(logits: np.ndarray, labels: np.ndarray, positive: int | None = None) -> dict[str, float]:
    found = metrics.classification(predict(logits), labels, classes=logits.shape[-1], positive=positive)
    return found | {"loss": metrics.cross_entropy(probabilities(logits), labels)}


CLASSIFY = Kind(
    name="classify",
    named=True,
    unit="text",
    width=len,
    label_type=pa.int32(),
    missing=-100,
    hard_loss="ce",
    parse_label=parse_label,
    show_label=show_label,
    softmax_over="classes",
    probabilities=probabilities,
    predict=predict,
    says=says,
    metrics=measure,
    measured=("accuracy", "f1", "macro_f1", "mcc", "loss"),
    main_metric="accuracy",
)
