"""Which task a dataset, a cache or a student is for, and how an answer to it is judged."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from data.errors import PotstillError
from data.tasks import KINDS, metrics
from data.tasks.kind import Kind


@dataclass(frozen=True)
class Task:
    """A kind (key of `KINDS`), its label names in the order of the logits, and whether rows are pairs of texts.

    positive: the class that F1 is of; "": see `positive_class`
    """

    kind: str
    labels: tuple[str, ...] = ()
    pair: bool = False
    positive: str = ""

    def __post_init__(self) -> None:
        rules_of(self.kind)  # refuses an unknown one
        if twice := sorted(name for name, count in Counter(self.labels).items() if count > 1):
            raise PotstillError(
                f"label {twice[0]!r} is named twice: {', '.join(self.labels)}", hint="name each class once"
            )
        if self.positive and self.positive not in self.labels:
            raise _no_class(f"the positive class {self.positive!r}", self)

    @property
    def rules(self) -> Kind:
        """What this kind of task does: its label parser, metrics, loss."""
        return rules_of(self.kind)

    @property
    def width(self) -> int:
        """Number of logits C of one row (or word)."""
        return self.rules.width(self.labels)

    @property
    def positive_class(self) -> str | None:
        """The class that F1 is of: the one named, else the second of two; None where F1 is the mean of all classes."""
        return self.positive or (self.labels[1] if len(self.labels) == 2 else None)

    def measure(self, logits: np.ndarray, labels: np.ndarray, *, also: str = "") -> dict[str, float]:
        """The task's metrics of logits [N, C] on gold labels [N]. also: one of `f1:CLASS` besides."""
        positive = self.positive_class
        found = self.rules.metrics(logits, labels, self.labels.index(positive) if positive else None)
        if also.startswith(metrics.OF_CLASS):
            number = self.labels.index(also.removeprefix(metrics.OF_CLASS))
            found[also] = metrics.f1_of(self.rules.predict(logits), labels, number)
        return found

    def metric(self, name: str | None) -> str:
        """Check a metric that is to be chosen by; None is the main one of the kind, a score's loss is its `mse`."""
        if not name:
            return self.rules.main_metric
        if name.startswith(metrics.OF_CLASS) and self.labels:
            if name.removeprefix(metrics.OF_CLASS) not in self.labels:
                raise _no_class(f"the class of {name!r}", self)
            return name
        name = "mse" if name == "loss" and "loss" not in self.rules.measured else name
        if name not in self.rules.measured:
            known = [*self.rules.measured, *(f"{metrics.OF_CLASS}{label}" for label in self.labels[:8])]
            raise PotstillError(f"no metric {name!r} for a {self.kind} task", hint=f"metrics: {', '.join(known)}")
        return name

    def to_dict(self) -> dict[str, Any]:
        """Write the task as manifests keep it; a positive class that nobody named is left out."""
        values = asdict(self) | {"labels": list(self.labels)}
        return values if self.positive else {name: value for name, value in values.items() if name != "positive"}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Task":
        return Task(
            values["kind"], tuple(values["labels"]), bool(values["pair"]), positive=str(values.get("positive", ""))
        )


def rules_of(kind: str) -> Kind:
    """What a kind of task does. Errors: an unknown one."""
    if kind not in KINDS:
        raise PotstillError(f"unknown task kind {kind!r}", hint=f"kinds: {', '.join(KINDS)}")
    return KINDS[kind]


def without_names(kind: str | None) -> bool:
    """Whether a user has chosen a kind whose labels are no names of classes."""
    return kind is not None and not rules_of(kind).named


def _no_class(what: str, task: Task) -> PotstillError:
    return PotstillError(f"{what} is none of the task's", hint=f"classes: {', '.join(task.labels) or 'none (a score)'}")
