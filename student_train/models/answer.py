"""Encoded texts through a network, batch by batch: logits in the order of the texts."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from student_train.batch import Encoded, pad_inputs
from student_train.models.precision import products_in

# Padded sub-words of a batch of answers. 528 reviews of 30 sub-words on two cores: an LSTM pads 28 % in batches of 256
# rows, 14 % so, at the same speed or better; 2,048 are up to a third slower (small products).
SUB_WORDS = 8_192


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
