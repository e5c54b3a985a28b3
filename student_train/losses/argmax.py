"""The teacher's own answer as a hard label, for rows that have no gold one (Tang et al. 2019, section 3.2)."""

import torch
from torch import Tensor

from student_train.losses.hard import cross_entropy


def ce_argmax(logits: Tensor, teacher: Tensor, label: Tensor) -> Tensor:
    """Mean over unlabelled rows of the cross-entropy to the teacher's argmax. logits, teacher: [B, C]; label: [B]."""
    return cross_entropy(logits, torch.where(label == -100, teacher.argmax(dim=-1), -100))
