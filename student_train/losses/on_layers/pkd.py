"""States of the first token of the inner layers, each of length 1: patient knowledge distillation (Sun et al. 2019)."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from data.errors import PotstillError
from student_train.batch import Batch
from student_train.losses.loss import Given
from student_train.losses.on_layers.compared import Projected
from student_train.losses.on_layers.states import first_of
from student_train.outputs import Outputs

REDUCTIONS = ("mean", "sum")


@dataclass(frozen=True)
class PKD(Projected):
    """Squared distance of the states of [CLS], both of length 1, over the layers below the last.

    The same for a teacher's states of any length. `layer_map` skip or last gives the paper's two variants.

    reduction      "mean" divides by layers and width (the official code), "sum" by neither (the paper)
    layers         which of the mapped layers: inner (all but the last), upper, last or all
    projection_lr  learning rate of the projection to the teacher's width, as a multiple of lr
    """

    layers: str = "inner"
    reduction: str = "mean"

    signals = ("cls",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reduction not in REDUCTIONS:
            raise PotstillError(f"no pkd reduction {self.reduction!r}", hint=f"reductions: {', '.join(REDUCTIONS)}")

    def formula(self, student: Outputs, batch: Batch, given: Given) -> Tensor:
        total = student.logits.new_zeros(()).float()
        for ours, theirs in given.pairs:
            told = F.normalize(first_of(batch.told, theirs), dim=-1)  # [B, D]
            squared = (F.normalize(given.project(ours, first_of(student, ours)), dim=-1) - told) ** 2
            total = total + squared.sum(-1).mean() / (told.shape[-1] if self.reduction == "mean" else 1)
        return total / (len(given.pairs) if self.reduction == "mean" else 1)
