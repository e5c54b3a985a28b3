"""A model's answers on labelled rows: logits in the order given, and the task's metrics."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from data.example import Example
from data.tasks.task import Task
from student_train.batch import Encoded, pad_inputs
from student_train.precision import products_in
from student_train.vocab import Vocabulary


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


def measure(model: nn.Module, rows: Labelled, *, device: torch.device, precision: torch.dtype) -> dict[str, float]:
    """The task's metrics of a model on labelled rows."""
    logits = answer(model, rows.sides, device=device, precision=precision)
    return rows.task.rules.metrics(logits, rows.labels)


@torch.inference_mode()
def answer(
    model: nn.Module, sides: list[Encoded], *, device: torch.device, precision: torch.dtype, batch_size: int = 256
) -> np.ndarray:
    """Logits [N, C] float32 in the order of the rows; batches are cut by length, largest first."""
    training = model.training
    model.eval()
    lengths = np.sum([side.lengths for side in sides], axis=0)
    order = np.argsort(-lengths, kind="stable")
    parts = []
    for start in range(0, len(order), batch_size):
        inputs = pad_inputs(sides, order[start : start + batch_size]).to(device)
        with products_in(precision, device):
            parts.append(model(inputs).logits.float().cpu().numpy())
    model.train(training)
    if not parts:
        return np.zeros((0, 1), np.float32)
    logits = np.concatenate(parts)
    result = np.empty_like(logits)
    result[order] = logits
    return result
