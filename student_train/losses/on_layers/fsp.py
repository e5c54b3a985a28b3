"""How one layer's states go over into the next one's (FSP, Yim et al. 2017; TextBrewer's `fsp` and `gram`)."""

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from student_train.batch import Batch
from student_train.losses.loss import Given
from student_train.losses.on_layers.compared import Projected
from student_train.losses.on_layers.states import real, states_of
from student_train.outputs import Outputs


@dataclass(frozen=True)
class FSP(Projected):
    """Mean squared error of Hᵀ H' / n, [D, D], for each two neighbours H, H' among the mapped layers; summed over them.

    n counts the sub-words of a row. Padding counts for nothing.

    layers         which of the mapped layers: all (with the embeddings), upper (without), inner
    projection_lr  learning rate of the projection to the teacher's width, as a multiple of lr
    """

    def formula(self, student: Outputs, batch: Batch, given: Given) -> Tensor:
        mask = real(batch)[..., None]  # [B, T, 1]
        count = mask.sum(1, keepdim=True)  # [B, 1, 1]
        ours = [given.project(layer, states_of(student, layer)) * mask for layer, _ in given.pairs]
        theirs = [states_of(batch.told, layer) * mask for _, layer in given.pairs]
        total = mask.new_zeros(())
        for (one, other), (first, second) in zip(pairwise(ours), pairwise(theirs), strict=True):
            total = total + ((one.mT @ other / count - first.mT @ second / count) ** 2).mean()
        return total
