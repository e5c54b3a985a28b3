"""Losses against gold labels; rows without a label count for nothing.

In a batch of B rows of which some are labelled, with ρ the share of labelled rows among all that an epoch draws:

    loss = 1 / (ρ B) · Σ over labelled rows i of  w[y_i] · loss_i

So a labelled row weighs 1 / (ρ B) whatever else is in its batch, the mean over the batches of an epoch is the mean over
its labelled rows, and where every row is labelled (ρ = 1) it is the plain mean.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from student_train.batch import Batch
from student_train.losses.loss import Given, Needs
from student_train.outputs import Outputs


def cross_entropy(logits: Tensor, label: Tensor, *, share: float = 1.0, weights: Tensor | None = None) -> Tensor:
    """-log softmax(z)[y], times w[y]; zero (with a gradient of zero) where no row has a label.

    logits: [B, C]; label: [B] int64, -100 where unknown; share: ρ of the module's formula; weights: w [C], None: all 1.
    """
    total = F.cross_entropy(logits.float(), label, weight=weights, ignore_index=-100, reduction="sum")
    return total / ((share or 1.0) * len(label))  # where no row at all is labelled, the sum is 0 in every batch


def mean_squared_error(logits: Tensor, label: Tensor, *, share: float = 1.0, weights: Tensor | None = None) -> Tensor:
    """(z - y)²; zero where no row has a label. Scores have no classes, so no weights either.

    logits: [B, 1]; label: [B] float32, NaN where unknown; share: ρ of the module's formula.
    """
    assert weights is None
    known = ~torch.isnan(label)
    error = torch.where(known, logits[:, 0].float() - torch.nan_to_num(label), 0.0)  # [B]
    return (error**2).sum() / ((share or 1.0) * len(label))


HARD_LOSSES = {"ce": cross_entropy, "mse": mean_squared_error}


@dataclass(frozen=True)
class Gold:
    """Gold labels: cross-entropy, or the squared error for scores."""

    weight: float = 1.0

    kinds = ()
    needs = Needs(rows="labelled", class_weights=True)

    def formula(self, student: Outputs, batch: Batch, given: Given) -> Tensor:
        call = HARD_LOSSES[given.hard]
        return call(student.logits, batch.label, share=given.labelled, weights=given.class_weights)
