"""The views by kind of task: adding a kind is a file beside this one and a line here."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from data.tasks.task import Task
from teacher_cache.view import classify, regress


@dataclass(frozen=True)
class View:
    """columns: adds what the kind has to a frame of the cache; tables: title -> query over such a frame"""

    columns: Callable[[pl.LazyFrame, Task], pl.LazyFrame]
    tables: Callable[[pl.LazyFrame, Task], dict[str, pl.LazyFrame]]


VIEWS: dict[str, View] = {
    "classify": View(classify.class_columns, classify.class_tables),
    "regress": View(regress.score_columns, regress.score_tables),
}
