"""The table of losses, and the losses that a recipe chooses from it: `[train.losses.NAME]` tables → values.

Adding one is a file and a line here. Weight and temperature may move: `temperature = { start = 8, end = 1 }`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data.config import as_dict, build
from data.errors import PotstillError
from data.tasks.task import Task
from student_train.losses.argmax import Argmax
from student_train.losses.hard import Gold
from student_train.losses.kl import KL
from student_train.losses.logit_mse import LogitMSE
from student_train.losses.loss import Loss

Losses = dict[str, Loss]
MOVING = ("weight", "temperature")

LOSSES: dict[str, type[Loss]] = {
    "ce": Gold,
    "logit_mse": LogitMSE,
    "kl": KL,
    "ce_argmax": Argmax,
}


@dataclass(frozen=True)
class Ramp:
    """A number that goes from `start` to `end` in a straight line over all steps of a run."""

    start: float
    end: float

    def at(self, done: float) -> float:
        """done: share of the steps that are taken, 0 to 1."""
        return self.start + (self.end - self.start) * done


Ramps = dict[str, dict[str, Ramp]]  # loss -> option -> how it moves


def read_losses(table: Mapping[str, Any]) -> Losses:
    """The losses of a recipe's table; of a number that moves, the larger end. An unknown name lists the known ones."""
    for name in table:
        if name not in LOSSES:
            raise PotstillError(f"no loss {name!r}", hint=f"losses: {', '.join(LOSSES)}")
    ramps = read_ramps(table)
    return {
        name: build(
            LOSSES[name],
            dict(options) | {key: max(ramp.start, ramp.end) for key, ramp in ramps.get(name, {}).items()},
            where=f"losses.{name}",
        )
        for name, options in table.items()
    }


def read_ramps(table: Mapping[str, Any]) -> Ramps:
    """The numbers that move, where there are any; both ends must be what the loss allows."""
    found: Ramps = {}
    for name, options in table.items():
        moving = {key: value for key, value in options.items() if key in MOVING and isinstance(value, Mapping)}
        for key, value in moving.items():
            ramp = build(Ramp, value, where=f"losses.{name}.{key}")
            if key == "weight" and min(ramp.start, ramp.end) < 0:
                raise PotstillError(f"losses.{name}.weight goes from {ramp.start} to {ramp.end}: below 0")
            for end in (ramp.start, ramp.end):
                LOSSES[name](**{key: end})  # refuses what is no number for this option
            found.setdefault(name, {})[key] = ramp
    return found


def spell_losses(table: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The recipe's table with every option spelled out."""
    ramps = read_ramps(table)
    return {
        name: as_dict(loss) | {key: as_dict(ramp) for key, ramp in ramps.get(name, {}).items()}
        for name, loss in read_losses(table).items()
    }


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
    return next((loss.temperature for loss in losses.values() if isinstance(loss, KL)), 1.0)


def refuse_class_weights(losses: Losses) -> None:
    """Refuse class weights where no loss is on labels."""
    if not any(loss.needs.class_weights and loss.weight > 0 for loss in losses.values()):
        fit = ", ".join(name for name, loss in LOSSES.items() if loss().needs.class_weights)
        raise PotstillError(
            f"class_weights is for hard labels, the losses are {', '.join(losses)}",
            hint=f"with class_weights take one of {fit}: --losses ce=1.0",
        )
