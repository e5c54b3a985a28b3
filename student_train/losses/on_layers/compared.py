"""What losses on mapped layers have in common: which of the layers, which signal, a projection where they take one."""

from dataclasses import dataclass, replace
from typing import ClassVar

from student_train.losses.layers import check_rule
from student_train.losses.loss import Needs


@dataclass(frozen=True)
class Compared:
    """layers: which of the mapped layers are compared, a key of `LAYERS`; signals: what the cache holds of these."""

    weight: float = 1.0
    layers: str = "all"

    kinds: ClassVar[tuple[str, ...]] = ()
    signals: ClassVar[tuple[str, ...]] = ("hidden",)

    def __post_init__(self) -> None:
        check_rule(self.layers)

    @property
    def needs(self) -> Needs:
        return Needs(self.signals, layers=self.layers)


@dataclass(frozen=True)
class Projected(Compared):
    """projection_lr: learning rate of the projection to the teacher's width, as a multiple of lr."""

    projection_lr: float = 1.0

    @property
    def needs(self) -> Needs:
        return replace(super().needs, projection_lr=self.projection_lr)
