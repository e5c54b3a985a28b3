"""Squared error between states of the first token (XtremeDistil's stage on representations)."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from student_train.batch import Batch
from student_train.losses.loss import Given
from student_train.losses.on_layers.compared import Projected
from student_train.losses.on_layers.states import first_of
from student_train.outputs import Outputs


@dataclass(frozen=True)
class ClsMSE(Projected):
    """Squared difference of the states of [CLS], a mean over rows and numbers, summed over the layers.

    layers         which of the mapped layers: last, upper, inner or all (with the embeddings)
    projection_lr  learning rate of the projection to the teacher's width, as a multiple of lr
    """

    layers: str = "last"

    signals = ("cls",)

    def formula(self, student: Outputs, batch: Batch, given: Given) -> Tensor:
        total = student.logits.new_zeros(()).float()
        for ours, theirs in given.pairs:
            made = given.project(ours, first_of(student, ours))
            total = total + F.mse_loss(made, first_of(batch.told, theirs))
        return total
