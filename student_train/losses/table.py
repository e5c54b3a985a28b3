"""The table of losses, and the losses that a recipe chooses from it: `[train.losses.NAME]` tables → values.

Adding one is a file and a line here. Weight and temperature may move: `temperature = { start = 8, end = 1 }`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data.config import as_dict, build
from data.errors import PotstillError
from data.tasks.task import Task
from student_train.losses.loss import Loss, Moving
from student_train.losses.on_layers.attention import AttentionMSE
from student_train.losses.on_layers.cls_mse import ClsMSE
from student_train.losses.on_layers.cos import Cos
from student_train.losses.on_layers.emd import EMD
from student_train.losses.on_layers.fsp import FSP
from student_train.losses.on_layers.hidden_mse import HiddenMSE
from student_train.losses.on_layers.nst import NST
from student_train.losses.on_layers.pkd import PKD
from student_train.losses.on_layers.relations import Relations
from student_train.losses.on_logits.argmax import Argmax
from student_train.losses.on_logits.hard import Gold
from student_train.losses.on_logits.kl import KL
from student_train.losses.on_logits.logit_mse import LogitMSE

Losses = dict[str, Loss | Moving]
MOVING = ("weight", "temperature")

LOSSES: dict[str, type[Loss]] = {
    "ce": Gold,
    "logit_mse": LogitMSE,
    "kl": KL,
    "ce_argmax": Argmax,
    "hidden_mse": HiddenMSE,
    "cos": Cos,
    "pkd": PKD,
    "nst": NST,
    "fsp": FSP,
    "attention_mse": AttentionMSE,
    "relations": Relations,
    "cls_mse": ClsMSE,
    "emd": EMD,
}


@dataclass(frozen=True)
class Ends:
    """Of a number that moves: what it is before the first step, and what it would be after the last."""

    start: float
    end: float


def read_losses(table: Mapping[str, Any]) -> Losses:
    """The losses of a recipe's table. An unknown name lists the known ones, an unknown option those of the loss."""
    for name in table:
        if name not in LOSSES:
            raise PotstillError(f"no loss {name!r}", hint=f"losses: {', '.join(LOSSES)}")
    return {name: read_loss(options, LOSSES[name], f"losses.{name}") for name, options in table.items()}


def read_loss(options: Mapping[str, Any], loss: type[Loss], where: str) -> Loss | Moving:
    """A loss by its options. Where numbers move, both ends must be what the loss allows."""
    moving = {
        key: build(Ends, value, where=f"{where}.{key}")
        for key, value in options.items()
        if key in MOVING and isinstance(value, Mapping)
    }
    start = build(loss, dict(options) | {key: ends.start for key, ends in moving.items()}, where=where)
    end = build(loss, dict(options) | {key: ends.end for key, ends in moving.items()}, where=where)
    if moving and min(start.weight, end.weight) < 0:
        raise PotstillError(f"{where}.weight goes from {start.weight} to {end.weight}: below 0")
    return Moving(start, end) if moving else start


def spell_losses(table: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The recipe's table with every option spelled out."""
    found: dict[str, dict[str, Any]] = {}
    for name, loss in read_losses(table).items():
        moving = loss.moving if isinstance(loss, Moving) else {}
        found[name] = as_dict(loss.start if isinstance(loss, Moving) else loss) | {
            key: {"start": start, "end": end} for key, (start, end) in moving.items()
        }
    return found


def required_signals(table: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the cache signals that the losses of a recipe's table need."""
    return tuple(dict.fromkeys(signal for loss in read_losses(table).values() for signal in loss.needs.signals))


def check_losses(losses: Losses, task: Task) -> None:
    """Refuse losses that do not fit the kind of task, and weights that train nothing."""
    for name, loss in losses.items():
        if loss.kinds and task.kind not in loss.kinds:
            fits = ", ".join(key for key, other in LOSSES.items() if task.kind in (other().kinds or (task.kind,)))
            raise PotstillError(f"loss {name!r} is not for {task.kind} tasks", hint=f"losses that are: {fits}")
    weights = {name: loss.weight for name, loss in losses.items()}
    if not any(weight > 0 for weight in weights.values()) or any(weight < 0 for weight in weights.values()):
        raise PotstillError(f"loss weights {weights} must be 0 or more, and one above 0")


def rows_used(losses: Losses) -> str:
    """Say which rows the losses can learn from: all, labelled or unlabelled."""
    used = {loss.needs.rows for loss in losses.values() if loss.weight > 0}
    return used.pop() if len(used) == 1 else "all"


def temperature_of(losses: Losses) -> float:
    """The temperature that the teachers' answers are softened at; 1 where no loss has one."""
    values = (loss.start if isinstance(loss, Moving) else loss for loss in losses.values())
    return next((loss.temperature for loss in values if isinstance(loss, KL)), 1.0)


def refuse_class_weights(losses: Losses) -> None:
    """Refuse class weights where no loss is on labels."""
    if not any(loss.needs.class_weights and loss.weight > 0 for loss in losses.values()):
        fit = ", ".join(name for name, loss in LOSSES.items() if loss().needs.class_weights)
        raise PotstillError(
            f"class_weights is for hard labels, the losses are {', '.join(losses)}",
            hint=f"with class_weights take one of {fit}: --losses ce=1.0",
        )
