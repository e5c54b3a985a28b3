"""Summarise a teacher's answers in a few small tables. `open_frame` -> title -> rows."""

from typing import Any

import polars as pl

from data.tasks.task import Task
from teacher_cache.view.kinds import VIEWS

Table = list[dict[str, Any]]


def summary(frame: pl.LazyFrame, task: Task) -> dict[str, Table]:
    """Summarise a frame of `open_frame`: rows by split and operation, statuses, worst mistakes, a histogram.

    All tables are computed in one pass over the columns they need.
    """
    status = frame.group_by("status").agg(pl.len().alias("rows")).sort("rows", descending=True)
    queries = {**VIEWS[task.kind].tables(frame, task), "status": status}
    tables = pl.collect_all(list(queries.values()), engine="streaming")
    return {title: _rows(table) for title, table in zip(queries, tables, strict=True)}


def _rows(table: pl.DataFrame) -> Table:
    rounded = table.with_columns(pl.selectors.float().round(4))
    return rounded.to_dicts()
