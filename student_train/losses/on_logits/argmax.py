"""The teacher's own answer as a hard label, for rows that have no gold one (Tang et al. 2019, section 3.2)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from data.tasks import OF_CLASSES
from student_train.batch import Batch
from student_train.losses.loss import Given, Needs
from student_train.losses.on_logits.hard import cross_entropy
from student_train.outputs import Outputs


@dataclass(frozen=True)
class Argmax:
    """The teacher's argmax as the label of unlabelled rows (Tang 2019), weighted as `losses.hard` says."""

    weight: float = 1.0

    kinds = OF_CLASSES
    needs = Needs(("logits",), rows="unlabelled", class_weights=True)

    def formula(self, student: Outputs, batch: Batch, given: Given) -> Tensor:
        target = torch.where(batch.label == -100, batch.told.logits.argmax(dim=-1), -100)  # [B]
        return cross_entropy(student.logits, target, share=1 - given.labelled, weights=given.class_weights)
