"""Squared error between states of all sub-words: TinyBERT's hidden and embedding losses, TextBrewer's `hidden_mse`."""

from dataclasses import dataclass

from torch import Tensor

from student_train.batch import Batch
from student_train.losses.loss import Given
from student_train.losses.on_layers.compared import Projected
from student_train.losses.on_layers.states import distance, real, states_of
from student_train.outputs import Outputs


@dataclass(frozen=True)
class HiddenMSE(Projected):
    """Squared difference of the states of all sub-words, a mean over sub-words and numbers, summed over the layers.

    Zero where the projected states are the teacher's. Padding counts for nothing.

    layers         which of the mapped layers: all (with the embeddings), upper (without), inner or last
    projection_lr  learning rate of the projection to the teacher's width, as a multiple of lr
    """

    def formula(self, student: Outputs, batch: Batch, given: Given) -> Tensor:
        mask = real(batch)
        total = mask.new_zeros(())
        for ours, theirs in given.pairs:
            made = given.project(ours, states_of(student, ours))
            total = total + distance(made, states_of(batch.told, theirs), mask)
        return total
