"""Mean squared error between raw logits: the objective of Tang et al. 2019 (arXiv 1903.12136, eq. 4)."""

from dataclasses import dataclass

from torch import Tensor

from data.errors import PotstillError
from student_train.batch import Batch
from student_train.losses.loss import Given, Needs
from student_train.outputs import Outputs

REDUCTIONS = ("mean", "sum")


@dataclass(frozen=True)
class LogitMSE:
    """Squared difference of raw logits, ‖z_T - z_S‖² (Tang 2019).

    Zero where both agree. Unlike `kl` it also matches the scale and offset of the logits.

    reduction  "mean" divides by B·C (the official code), "sum" by B alone (the paper): C times the first
    """

    weight: float = 1.0
    reduction: str = "mean"

    kinds = ()
    needs = Needs(("logits",))

    def __post_init__(self) -> None:
        if self.reduction not in REDUCTIONS:
            raise PotstillError(
                f"no logit_mse reduction {self.reduction!r}", hint=f"reductions: {', '.join(REDUCTIONS)}"
            )

    def formula(self, student: Outputs, batch: Batch, given: Given) -> Tensor:
        squared = (student.logits.float() - batch.told.logits.float()) ** 2  # [B, C]
        return squared.mean() if self.reduction == "mean" else squared.sum(-1).mean()
