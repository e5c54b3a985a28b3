"""How much a row counts in the losses on labels, by its class.

A labelled row of class c counts w[c], scaled so that the mean over the labelled rows drawn is 1: `balanced` is
w[c] = N / (C n[c]) with n[c] of N labelled rows in class c, and so every class counts the same.
"""

import numpy as np

from data.errors import PotstillError
from data.tasks.task import Task
from student_train.config import BALANCED


def class_weights(asked: str | dict[str, float], counts: np.ndarray, task: Task) -> tuple[float, ...]:
    """A number for each class of the task. counts: labelled rows of each class among those drawn, [C]."""
    weights = 1 / np.maximum(counts, 1) if asked == BALANCED else _named(asked, task)
    total = float((counts * weights).sum())
    if not total > 0:
        raise PotstillError(f"class_weights {asked} leave no labelled row that counts", hint='e.g. "balanced"')
    return tuple((weights * counts.sum() / total).tolist())


def _named(asked: str | dict[str, float], task: Task) -> np.ndarray:
    """Weights by the names of the classes; those that are not named have 1."""
    if isinstance(asked, str):
        raise PotstillError(
            f'class_weights {asked!r} is not "balanced" or CLASS=NUMBER,…',
            hint=f"e.g. --class-weights {task.labels[0]}=2",
        )
    if unknown := [name for name in asked if name not in task.labels]:
        raise PotstillError(
            f"class_weights names {unknown[0]!r}, which is no class", hint=f"classes: {', '.join(task.labels)}"
        )
    return np.array([asked.get(name, 1.0) for name in task.labels])
