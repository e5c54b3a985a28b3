"""How a network does on labelled rows while it is trained: the task's metrics, and what makes them doubtful."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from data.example import Example
from data.progress import Late, Progress
from data.tasks.task import Task
from student_train.batch import Encoded
from student_train.models.answer import answer
from student_train.vocab.vocabulary import Vocabulary


@dataclass(frozen=True)
class Labelled:
    """Encoded rows with gold labels [N], read once and measured many times."""

    sides: list[Encoded]
    labels: np.ndarray
    task: Task


def encode_labelled(examples: list[Example], task: Task, vocabulary: Vocabulary) -> Labelled:
    """Encode labelled examples; rows without a label are left out."""
    known = [example for example in examples if example.label is not None]
    pairs = [example.pair or "" for example in known] if task.pair else None
    sides = vocabulary.encode([example.text for example in known], pairs)
    return Labelled(sides, np.array([example.label for example in known]), task)


def measure(
    model: nn.Module, rows: Labelled, metric: str, *, device: torch.device, progress: Progress
) -> tuple[dict[str, float], int]:
    """The task's metrics of a model on labelled rows, `metric` among them, and how many different answers it gives.

    In float32, as `evaluate` measures.
    """
    late = Late(progress, "dev", total=len(rows.labels), unit="rows")
    logits = answer(model, rows.sides, device=device, precision=torch.float32, done=late.advance)
    late.finish()
    found = rows.task.measure(logits, rows.labels, also=metric)
    return found, len(np.unique(rows.task.rules.predict(logits)))


def doubts(found: dict[str, float], answered: int, rows: Labelled) -> list[str]:
    """Say what makes a model's dev metrics worth nothing: one answer to everything, or no gain over the commonest."""
    if answered == 1 and len(rows.labels) > 1:
        return [f"every one of the {len(rows.labels):,} dev rows gets the same answer"]
    if not rows.task.labels:
        return []
    counts = np.bincount(rows.labels.astype(np.int64), minlength=rows.task.width)
    often, name = counts.max() / counts.sum(), rows.task.labels[int(counts.argmax())]
    if found["accuracy"] > often or often == 1:
        return []
    return [f"dev accuracy {found['accuracy']:.4f} is not above {often:.4f}, that of always answering {name!r}"]
