"""What a loss is: a frozen dataclass of its options, with what it needs, the kinds of task it is for, and its formula.

A recipe names its options, `[train.losses.kl] weight = 0.9, temperature = 4`; every loss has `weight`. Losses are
values: they hold no tensors and no state. What they share or train lies in the `Objective`, which hands it to them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from torch import Tensor

from student_train.batch import Batch
from student_train.outputs import Outputs


@dataclass(frozen=True)
class Needs:
    """What a loss asks of the cache, the rows and the student.

    signals        what the cache must hold: `logits`, `cls`, …
    rows           the rows it can learn from (a key of `groups.LABELS`): all, labelled or unlabelled
    class_weights  whether a row may count by its class: for losses on labels
    layers         which layers it compares (a key of `LAYERS`); empty: none, or whatever the cache holds
    attention      whether it compares queries, keys or values
    heads          a number that must divide both widths; 0: none
    equal_heads    whether student and teacher need as many attention heads
    projection_lr  learning rate of a linear layer from the student's states to the teacher's width, as a multiple of
                   lr; 0: the loss takes no such layer
    """

    signals: tuple[str, ...] = ()
    rows: str = "all"
    class_weights: bool = False
    layers: str = ""
    attention: bool = False
    heads: int = 0
    equal_heads: bool = False
    projection_lr: float = 0.0


@dataclass(frozen=True)
class Given:
    """What an objective gives a loss besides the outputs and the batch.

    hard           the task's loss on gold labels (key of `HARD_LOSSES`)
    labelled       share of labelled rows among all that an epoch draws
    class_weights  [C], a number by which hard losses multiply a row of a class; None: all 1
    pairs          (layer of the student, layer of the teacher) of the layers that the loss compares
    width          of the teacher's states
    heads          attention heads of student and teacher
    project        (layer of the student, its states [..., d]) -> [..., D] in the teacher's width
    """

    hard: str = "ce"
    labelled: float = 1.0
    class_weights: Tensor | None = None
    pairs: tuple[tuple[int, int], ...] = ()
    width: int = 0
    heads: tuple[int, int] = (0, 0)
    project: Callable[[int, Tensor], Tensor] = lambda layer, states: states


class Loss(Protocol):
    """A loss as a value. kinds: which kinds of task it is for (empty: all)."""

    @property
    def kinds(self) -> tuple[str, ...]: ...

    @property
    def weight(self) -> float: ...

    @property
    def needs(self) -> Needs: ...

    def formula(self, student: Outputs, batch: Batch, given: Given) -> Tensor:
        """The loss of a batch before its weight, a scalar."""


@dataclass(frozen=True)
class Moving:
    """A loss of which numbers move over a run, in a straight line from those of `start` to those of `end`."""

    start: Loss
    end: Loss

    @property
    def kinds(self) -> tuple[str, ...]:
        return self.start.kinds

    @property
    def needs(self) -> Needs:
        return self.start.needs

    @property
    def weight(self) -> float:
        """The larger one: a loss that counts at some time of the run is one to prepare for."""
        return max(self.start.weight, self.end.weight)

    @property
    def moving(self) -> dict[str, tuple[float, float]]:
        """Option -> its two ends, of the numbers that differ."""
        ends = vars(self.end)
        return {key: (value, ends[key]) for key, value in vars(self.start).items() if value != ends[key]}

    def at(self, done: float) -> Loss:
        """The loss as it is when a share of the steps, 0 to 1, is taken."""
        now = {key: start + (end - start) * done for key, (start, end) in self.moving.items()}
        return replace(self.start, **now)  # type: ignore[type-var]
