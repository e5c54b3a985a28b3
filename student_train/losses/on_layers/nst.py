"""Products of the states of a row with each other (NST, Huang and Wang 2017; TextBrewer's `nst` and `mmd`)."""

from dataclasses import dataclass

from torch import Tensor

from student_train.batch import Batch
from student_train.losses.loss import Given
from student_train.losses.on_layers.compared import Compared
from student_train.losses.on_layers.states import real, states_of
from student_train.outputs import Outputs


@dataclass(frozen=True)
class NST(Compared):
    """Squared difference of H Hᵀ / width, [T, T], a mean over pairs of sub-words, summed over the layers.

    Both may have any width: nothing is projected. The cache keeps the products alone, not the states.

    layers  which of the mapped layers: all (with the embeddings), upper (without), inner or last
    """

    signals = ("gram",)

    def formula(self, student: Outputs, batch: Batch, given: Given) -> Tensor:
        assert batch.told.gram is not None
        mask = real(batch)  # [B, T]
        both, total = mask[:, :, None] * mask[:, None, :], mask.new_zeros(())
        for ours, theirs in given.pairs:
            states = states_of(student, ours)
            products = states @ states.mT / states.shape[-1]  # [B, T, T]
            total = total + ((products - batch.told.gram[theirs].float() / given.width) ** 2 * both).sum()
        return total / both.sum()
