"""Rows that lie in memory: what a stream reads where there are no caches on disk."""

from dataclasses import dataclass
from typing import Protocol

from data import store
from data.tasks.task import Task
from student_train.feed.groups import Group
from student_train.feed.reader import Block


class Rows(Protocol):
    """What a stream reads: a `Reader` of caches, or `InMemory`. labelled: share of rows with a gold label."""

    @property
    def task(self) -> Task: ...
    @property
    def root(self) -> str: ...
    @property
    def groups(self) -> tuple[Group, ...]: ...
    @property
    def labelled(self) -> float: ...

    def read(self, numbers: list[int], *, texts: bool = True) -> Block: ...


@dataclass(frozen=True)
class InMemory:
    """The rows of a block, as one row group."""

    task: Task
    block: Block

    @property
    def root(self) -> str:
        """Hash of the texts, for the plan of an epoch."""
        return store.digest_of([self.block.texts, self.block.pairs])

    @property
    def groups(self) -> tuple[Group, ...]:
        return (Group(part=0, place=0, first=0, size=len(self.block), count=len(self.block)),)

    @property
    def labelled(self) -> float:
        label = self.block.label
        return float(((label == label) & (label != self.task.rules.missing)).mean())  # NaN is not itself

    def read(self, numbers: list[int], *, texts: bool = True) -> Block:
        return self.block
