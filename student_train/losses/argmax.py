"""The teacher's own answer as a hard label, for rows that have no gold one (Tang et al. 2019, section 3.2)."""

import torch
from torch import Tensor

from student_train.losses.hard import cross_entropy


def ce_argmax(
    logits: Tensor, teacher: Tensor, label: Tensor, *, share: float = 1.0, weights: Tensor | None = None
) -> Tensor:
    """Cross-entropy of unlabelled rows to the teacher's argmax, weighted as `losses.hard` says.

    logits, teacher: [B, C]; label: [B]; share: of unlabelled rows among all that an epoch draws.
    """
    target = torch.where(label == -100, teacher.argmax(dim=-1), -100)
    return cross_entropy(logits, target, share=share, weights=weights)
