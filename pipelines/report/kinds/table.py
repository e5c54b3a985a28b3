"""The views by kind of task: adding a kind is a file beside this one and a line here."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from data.tasks.task import Task
from pipelines.report.gather import Run
from pipelines.report.kinds import classify, regress
from pipelines.report.kinds.shared import Found
from pipelines.report.pages.document import Block


@dataclass(frozen=True)
class View:
    """What the report shows of a kind of task.

    teacher    what the teacher says: a frame of the cache and its task -> blocks
    compare    (teacher's logits [N, C], student's [N, C]) -> numbers
    agreement  (the run, student -> part -> those numbers) -> blocks
    """

    teacher: Callable[[pl.LazyFrame, Task], list[Block]]
    compare: Callable[[np.ndarray, np.ndarray], Found]
    agreement: Callable[[Run, dict[str, Found]], list[Block]]


VIEWS: dict[str, View] = {
    "classify": View(classify.teacher_blocks, classify.compare, classify.agreement_blocks),
    "regress": View(regress.teacher_blocks, regress.compare, regress.agreement_blocks),
}
