"""How often a model's answers equal the gold labels, and whether another order of its classes would agree far more.

The outputs of a model whose config names no classes (LABEL_0, LABEL_1, …) are matched to the classes by position. If
the model was trained with another order of the classes, all its answers mean other classes; only labels can show that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import BAD_DATA, PotstillError
from data.tasks.task import Task

LEAST_GAIN = 0.1  # share of rows that another order must win
DEVIATIONS = 2.5  # standard deviations of the sign test that it must win by
LEAST_KAPPA = 0.2  # agreement beyond chance (Cohen's kappa) of the other order


@dataclass(frozen=True)
class Order:
    """Another order of the classes. right, better: rows that agree now and with it; names: of the outputs, in order."""

    rows: int
    right: int
    better: int
    names: tuple[str, ...]


def better_order(said: np.ndarray, gold: np.ndarray, names: Sequence[str]) -> Order | None:
    """Find the order of a model's classes that agrees best with the labels; None unless far better than the present.

    said, gold: class numbers [N]. names: of the classes, as the model's outputs are taken now.
    Found as the best assignment of outputs to classes (`scipy.optimize.linear_sum_assignment`).
    """
    from scipy.optimize import linear_sum_assignment

    width, rows = len(names), len(gold)
    counts = np.zeros((width, width))  # [output, class]
    np.add.at(counts, (said, gold), 1)
    outputs, classes = linear_sum_assignment(counts + np.eye(width) / (2 * width), maximize=True)  # a tie: as it is
    meant = np.empty(width, np.int64)
    meant[outputs] = classes
    now, then = said == gold, meant[said] == gold
    won, lost = int((then & ~now).sum()), int((now & ~then).sum())
    enough = won - lost > max(LEAST_GAIN * rows, DEVIATIONS * np.sqrt(won + lost))
    if not enough or _kappa(meant[said], gold, width) < LEAST_KAPPA:
        return None
    return Order(rows, int(now.sum()), int(then.sum()), tuple(names[number] for number in meant.tolist()))


def refuse_order(model: str, order: Order, present: Sequence[str], option: str) -> None:
    """Raise: by the labels, a model's outputs mean other classes than assumed. option: sets the names of outputs."""
    from data.labels.names import quoted

    raise PotstillError(
        f"{model} names no classes (LABEL_0, …), and its outputs taken as {', '.join(present)} agree with "
        f"{order.right:,} of {order.rows:,} labels; taken as {', '.join(order.names)} they agree with {order.better:,}",
        hint=f"if that is their order: {option} {quoted(order.names)}; to keep the present one: "
        f"{option} {quoted(present)}",
        code=BAD_DATA,
    )


def agreement(logits: np.ndarray, gold: np.ndarray, task: Task) -> dict[str, Any]:
    """Compare logits [N, C] with labels [N]: for classes the share that is equal, for scores Pearson's r."""
    if not len(gold):
        return {"labelled": 0}
    if task.labels:
        return {"labelled": len(gold), "share": round(float((logits.argmax(axis=-1) == gold).mean()), 4)}
    return {"labelled": len(gold), "pearson": round(task.measure(logits, gold)["pearson"], 4)}


def sentence(found: dict[str, Any]) -> str:
    """Write what `agreement` found as a sentence; "" where there were no labels."""
    if not found.get("labelled"):
        return ""
    rows = f"{found['labelled']:,} labels"
    if "share" in found:
        return f"the teacher agrees with {found['share']:.1%} of {rows}"
    return f"the teacher's scores correlate with {rows}: Pearson {found['pearson']:.3f}"


def _kappa(said: np.ndarray, gold: np.ndarray, width: int) -> float:
    """Cohen's kappa: 0 for a model that always gives the same answer."""
    shares = np.bincount(said, minlength=width) @ np.bincount(gold, minlength=width) / len(gold) ** 2
    return float(((said == gold).mean() - shares) / (1 - shares)) if shares < 1 else 0.0
