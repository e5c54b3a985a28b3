"""Angles between states of all sub-words (DistilBERT's L_cos, TextBrewer's `cos`)."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from student_train.batch import Batch
from student_train.losses.loss import Given
from student_train.losses.on_layers.compared import Projected
from student_train.losses.on_layers.states import real, states_of
from student_train.outputs import Outputs


@dataclass(frozen=True)
class Cos(Projected):
    """1 - cosine of the states of each sub-word, a mean over sub-words, summed over the layers (Sanh et al. 2019).

    Zero where all states point the same way, however long they are. Padding counts for nothing.

    layers         which of the mapped layers: last, all (with the embeddings), upper (without) or inner
    projection_lr  learning rate of the projection to the teacher's width, as a multiple of lr
    """

    layers: str = "last"

    def formula(self, student: Outputs, batch: Batch, given: Given) -> Tensor:
        mask = real(batch)  # [B, T]
        total = mask.new_zeros(())
        for ours, theirs in given.pairs:
            made = given.project(ours, states_of(student, ours))
            total = total + ((1 - F.cosine_similarity(made, states_of(batch.told, theirs), dim=-1)) * mask).sum()
        return total / mask.sum()
