"""A model's answers on labelled rows: logits in the order given, and the task's metrics."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from data.example import Example
from data.progress import Late, Progress
from data.tasks.task import Task
from student_train.batch import Encoded, pad_inputs
from student_train.models.precision import products_in
from student_train.vocab.vocabulary import Vocabulary

# Padded sub-words of a batch of answers. 528 reviews of 30 sub-words on two cores: an LSTM pads 28 % in batches of 256
# rows, 14 % so, at the same speed or better; 2,048 are up to a third slower (small products).
SUB_WORDS = 8_192


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


@torch.inference_mode()
def answer(
    model: nn.Module,
    sides: list[Encoded],
    *,
    device: torch.device,
    precision: torch.dtype,
    batch_size: int = 256,
    done: Callable[[int], None] = lambda rows: None,
) -> np.ndarray:
    """Logits [N, C] float32 in the order of the rows; batches are cut by length, longest first.

    batch_size: most rows of a batch; it ends earlier where it would hold more sub-words than the model's `sub_words`
    done: is told of each batch's rows
    """
    training = model.training
    model.eval()
    lengths = np.sum([side.lengths for side in sides], axis=0)
    order = np.argsort(-lengths, kind="stable")
    parts: list[np.ndarray] = []
    for rows in _batches(order, lengths, batch_size, int(getattr(model, "sub_words", SUB_WORDS))):
        inputs = pad_inputs(sides, rows).to(device)
        with products_in(precision, device):
            parts.append(model(inputs).logits.float().cpu().numpy())
        done(len(parts[-1]))
    model.train(training)
    if not parts:
        return np.zeros((0, 1), np.float32)
    logits = np.concatenate(parts)
    result = np.empty_like(logits)
    result[order] = logits
    return result


def _batches(order: np.ndarray, lengths: np.ndarray, most: int, sub_words: int) -> Iterator[np.ndarray]:
    """Cut row numbers, longest row first, into batches of at most so many rows and, padded, so many sub-words."""
    start = 0
    while start < len(order):
        rows = max(1, min(most, sub_words // int(lengths[order[start]])))
        yield order[start : start + rows]
        start += rows
