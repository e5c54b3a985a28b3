"""Which task a dataset, a cache or a student is for."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from data.errors import PotstillError
from data.tasks import KINDS
from data.tasks.kind import Kind


@dataclass(frozen=True)
class Task:
    """A kind (key of `KINDS`), its label names in the order of the logits, and whether rows are pairs of texts."""

    kind: str
    labels: tuple[str, ...] = ()
    pair: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise PotstillError(f"unknown task kind {self.kind!r}", hint=f"kinds: {', '.join(KINDS)}")
        if twice := sorted(name for name, count in Counter(self.labels).items() if count > 1):
            raise PotstillError(
                f"label {twice[0]!r} is named twice: {', '.join(self.labels)}", hint="name each class once"
            )

    @property
    def rules(self) -> Kind:
        """What this kind of task does: its label parser, metrics, loss."""
        return KINDS[self.kind]

    @property
    def width(self) -> int:
        """Number of logits C of one row (or word)."""
        return self.rules.width(self.labels)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"labels": list(self.labels)}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Task":
        return Task(values["kind"], tuple(values["labels"]), bool(values["pair"]))
