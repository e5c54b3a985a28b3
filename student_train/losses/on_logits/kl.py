"""Soft targets at a temperature (Hinton et al. 2015), under the reductions that papers and their codes really use.

They differ by factors of C and T², which moves the best learning rate and loss weight: so each is a named preset.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from data.errors import PotstillError
from data.tasks import OF_CLASSES
from student_train.batch import Batch
from student_train.losses.loss import Given, Needs
from student_train.outputs import Outputs


@dataclass(frozen=True)
class Preset:
    """form: "kl" or "ce" (equal gradients); per_class: divide by B·C, not B; squared: multiply by T²."""

    form: str
    per_class: bool
    squared: bool


PRESETS: dict[str, Preset] = {
    "hinton": Preset("ce", per_class=False, squared=True),
    "distilbert": Preset("kl", per_class=False, squared=True),
    "nlp_architect": Preset("kl", per_class=False, squared=True),
    "pkd_ref": Preset("kl", per_class=True, squared=True),
    "tinybert_ref": Preset("ce", per_class=True, squared=False),
    "bert_emd_ref": Preset("ce", per_class=True, squared=True),
    "textbrewer": Preset("ce", per_class=False, squared=False),
}


@dataclass(frozen=True)
class KL:
    """Soft targets at a temperature: match softmax(z_T/T) by softmax(z_S/T) (Hinton 2015).

    Gradient of the `kl` and `ce` forms with T²: T·(q - p)/B. At a high temperature T²·KL tends to half the mean
    squared error of zero-mean logits (Hinton et al. 2015, section 2.1).

    temperature  T, above 0
    preset       how the sum is divided and scaled (key of `PRESETS`)
    """

    weight: float = 1.0
    temperature: float = 1.0
    preset: str = "hinton"

    kinds = OF_CLASSES
    needs = Needs(("logits",))

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise PotstillError(f"no kl preset {self.preset!r}", hint=f"presets: {', '.join(PRESETS)}")
        if self.temperature <= 0:
            raise PotstillError(f"temperature {self.temperature} is not above 0")

    def formula(self, student: Outputs, batch: Batch, given: Given) -> Tensor:
        logits, told = student.logits, batch.told.logits
        if logits.shape[-1] < 2:
            raise PotstillError("the kl loss needs at least two classes", hint="for scores use --losses logit_mse=1.0")
        rule = PRESETS[self.preset]
        # float64: the sum cancels and T² magnifies what is left; at T = 1,000 float32 has no right digit
        wanted = F.softmax(told.double() / self.temperature, dim=-1)  # [B, C]
        got = F.log_softmax(logits.double() / self.temperature, dim=-1)  # [B, C]
        total = -(wanted * got).sum()
        if rule.form == "kl":
            total = total + (wanted * F.log_softmax(told.double() / self.temperature, dim=-1)).sum()
        rows = logits.numel() // logits.shape[-1]
        divisor = rows * (logits.shape[-1] if rule.per_class else 1)
        return (total / divisor * (self.temperature**2 if rule.squared else 1.0)).float()
