"""Mean squared error between raw logits: the objective of Tang et al. 2019 (arXiv 1903.12136, eq. 4)."""

from torch import Tensor

from data.errors import PotstillError

REDUCTIONS = ("mean", "sum")


def logit_mse(student: Tensor, teacher: Tensor, *, reduction: str = "mean") -> Tensor:
    """‖z_T - z_S‖² of raw logits.

    student, teacher: [B, C]. `mean` divides by B·C (the official code), `sum` by B alone (the paper); the second is
    C times the first. Zero where both agree. Unlike `kl` it also matches the scale and offset of the logits.
    """
    if reduction not in REDUCTIONS:
        raise PotstillError(f"no logit_mse reduction {reduction!r}", hint=f"reductions: {', '.join(REDUCTIONS)}")
    squared = (student.float() - teacher.float()) ** 2  # [B, C]
    return squared.mean() if reduction == "mean" else squared.sum(-1).mean()
