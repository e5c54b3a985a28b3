"""What a run is to learn: which rows its losses can use, and how much each of them counts.

class weights: a labelled row of class c counts w[c], scaled so that the mean over the labelled rows drawn is 1:
`balanced` is w[c] = N / (C n[c]) with n[c] of N labelled rows in class c, and so every class counts the same.
"""

from dataclasses import replace

import numpy as np

from data.errors import PotstillError
from data.tasks.task import Task
from student_train.config import BALANCED, TeachConfig, TrainConfig
from student_train.feed.reader import Reader
from student_train.losses.table import Options, rows_used

HARD = ("ce", "ce_argmax")  # losses that class weights are for


def student_objective(config: TrainConfig, reader: Reader) -> tuple[Reader, Options]:
    """The rows that the student's losses can use, and the choices they share."""
    if config.class_weights is not None and not any(config.losses.get(name, 0) > 0 for name in HARD):
        raise PotstillError(
            f"class_weights is for hard labels, the losses are {', '.join(config.losses)}",
            hint=f"with class_weights take one of {', '.join(HARD)}: --losses ce=1.0",
        )
    reader = reader.with_labels(rows_used(config.losses))
    return reader, Options(
        reader.task,
        config.temperature,
        config.preset,
        config.mse_reduction,
        labelled=reader.labelled,
        class_weights=class_weights(config.class_weights, reader),
    )


def teacher_objective(config: TeachConfig, reader: Reader) -> tuple[Reader, Options]:
    """The labelled rows, and how much each of them counts."""
    reader = reader.with_labels("labelled")
    return reader, Options(reader.task, class_weights=class_weights(config.class_weights, reader))


def class_weights(asked: "str | dict[str, float] | None", reader: Reader) -> tuple[float, ...] | None:
    """A number for each class of the task; None where none are asked for. The scale is that of the module's text."""
    if asked is None:
        return None
    counts = label_counts(reader)
    weights = 1 / np.maximum(counts, 1) if asked == BALANCED else _named(asked, reader.task)
    total = float((counts * weights).sum())
    if not total > 0:
        raise PotstillError(f"class_weights {asked} leave no labelled row that counts", hint='e.g. "balanced"')
    return tuple((weights * counts.sum() / total).tolist())


def label_counts(reader: Reader) -> np.ndarray:
    """Labelled rows of each class among those drawn, float64 [C]."""
    if not reader.task.labels:
        raise PotstillError("class_weights is for classes, the task has scores", hint="leave class_weights out")
    counts, rows = np.zeros(reader.task.width), replace(reader, columns=())
    for number in range(len(rows.groups)):
        label = rows.read([number], texts=False).label
        counts += np.bincount(label[label >= 0], minlength=len(counts))
    return counts


def _named(asked: "str | dict[str, float]", task: Task) -> np.ndarray:
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
