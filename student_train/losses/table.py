"""The table of losses, what each needs from the cache, and their weighted sum.

Adding one is a file and a line here. A loss takes (student outputs, batch, options) and returns a scalar.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from data.errors import PotstillError
from data.tasks.task import Task
from student_train.batch import Batch
from student_train.losses.argmax import ce_argmax
from student_train.losses.hard import HARD_LOSSES
from student_train.losses.kl import PRESETS, kl
from student_train.losses.logit_mse import REDUCTIONS, logit_mse
from student_train.outputs import Outputs


@dataclass(frozen=True)
class Options:
    """Choices the losses share: the task, and the fields of the same names in `TrainConfig`.

    labelled       share of labelled rows among those that an epoch draws
    class_weights  a number for each class, by which hard losses multiply a row of it; None: all 1
    """

    task: Task
    temperature: float = 1.0
    preset: str = "hinton"
    mse_reduction: str = "mean"
    labelled: float = 1.0
    class_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise PotstillError(f"no kl preset {self.preset!r}", hint=f"presets: {', '.join(PRESETS)}")
        if self.mse_reduction not in REDUCTIONS:
            raise PotstillError(f"no mse_reduction {self.mse_reduction!r}", hint=f"reductions: {', '.join(REDUCTIONS)}")
        if self.temperature <= 0:
            raise PotstillError(f"temperature {self.temperature} is not above 0")


@dataclass(frozen=True)
class Loss:
    """signals: what the cache must hold; kinds: which kinds of task (empty: all); doc: one line for `--help`.

    uses: the rows it learns from (a key of `groups.LABELS`): all, labelled or unlabelled
    """

    call: Callable[[Outputs, Batch, Options], Tensor]
    signals: tuple[str, ...]
    kinds: tuple[str, ...]
    doc: str
    uses: str = "all"


def _teacher(batch: Batch) -> Outputs:
    assert batch.teacher is not None, "a loss on teacher signals got a batch without them"
    return batch.teacher


def _ce(student: Outputs, batch: Batch, options: Options) -> Tensor:
    call = HARD_LOSSES[options.task.rules.hard_loss]
    return call(student.logits, batch.label, share=options.labelled, weights=_weights(options, student.logits))


def _logit_mse(student: Outputs, batch: Batch, options: Options) -> Tensor:
    return logit_mse(student.logits, _teacher(batch).logits, reduction=options.mse_reduction)


def _kl(student: Outputs, batch: Batch, options: Options) -> Tensor:
    return kl(student.logits, _teacher(batch).logits, temperature=options.temperature, preset=options.preset)


def _ce_argmax(student: Outputs, batch: Batch, options: Options) -> Tensor:
    share, weights = 1 - options.labelled, _weights(options, student.logits)
    return ce_argmax(student.logits, _teacher(batch).logits, batch.label, share=share, weights=weights)


def _weights(options: Options, like: Tensor) -> Tensor | None:
    weights = options.class_weights
    return None if weights is None else torch.tensor(weights, device=like.device)  # [C]


LOSSES: dict[str, Loss] = {
    "ce": Loss(_ce, (), (), "gold labels (cross-entropy, or MSE for scores)", "labelled"),
    "logit_mse": Loss(_logit_mse, ("logits",), (), "squared difference of raw logits (Tang 2019)"),
    "kl": Loss(_kl, ("logits",), ("classify",), "soft targets at a temperature (Hinton 2015)"),
    "ce_argmax": Loss(_ce_argmax, ("logits",), ("classify",), "teacher's argmax of unlabelled rows", "unlabelled"),
}


def rows_used(losses: dict[str, float]) -> str:
    """Say which rows the chosen losses can learn from: all, labelled or unlabelled."""
    used = {LOSSES[name].uses for name, weight in losses.items() if weight > 0}
    return used.pop() if len(used) == 1 else "all"


def required_signals(losses: dict[str, float]) -> tuple[str, ...]:
    """Name the cache signals that the chosen losses need; an unknown loss lists the known ones."""
    for name in losses:
        if name not in LOSSES:
            raise PotstillError(f"no loss {name!r}", hint=f"losses: {', '.join(LOSSES)}")
    return tuple(dict.fromkeys(signal for name in losses for signal in LOSSES[name].signals))


def check_losses(losses: dict[str, float], task: Task) -> None:
    """Refuse unknown losses, losses that do not fit the kind of task, and weights that train nothing."""
    required_signals(losses)
    for name in losses:
        if LOSSES[name].kinds and task.kind not in LOSSES[name].kinds:
            fits = ", ".join(key for key, loss in LOSSES.items() if not loss.kinds or task.kind in loss.kinds)
            raise PotstillError(f"loss {name!r} is not for {task.kind} tasks", hint=f"losses that are: {fits}")
    if not any(weight > 0 for weight in losses.values()) or any(weight < 0 for weight in losses.values()):
        raise PotstillError(f"loss weights {losses} must be 0 or more, and one above 0")


def total_loss(losses: dict[str, float], student: Outputs, batch: Batch, options: Options) -> Tensor:
    """Weighted sum of the chosen losses, a scalar."""
    parts = [weight * LOSSES[name].call(student, batch, options) for name, weight in losses.items() if weight > 0]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
