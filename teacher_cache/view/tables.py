"""Summarise a teacher's answers in a few small tables. `open_frame` -> title -> rows."""

from collections.abc import Callable
from typing import Any

import polars as pl

from data.tasks.task import Task
from teacher_cache.frame import most_entropy

Table = list[dict[str, Any]]
TOP = 10  # rows of the table of mistakes
BINS = 10  # rows of a histogram
# "A:mask|B:pos+mask" of a pair -> "mask+pos": the operations, whichever of the two texts they changed.
FAMILY = (
    pl.col("op")
    .str.replace_all(r"(^|\|)[AB]:", "+")
    .str.strip_chars("+")
    .str.split("+")
    .list.unique()
    .list.sort()
    .list.join("+")
    .fill_null("original")
    .alias("op")
)


def summary(frame: pl.LazyFrame, task: Task) -> dict[str, Table]:
    """Summarise a frame of `open_frame`: rows by split and operation, statuses, worst mistakes, a histogram.

    All tables are computed in one pass over the columns they need.
    """
    status = frame.group_by("status").agg(pl.len().alias("rows")).sort("rows", descending=True)
    queries = {**TABLES[task.kind](frame, task), "status": status}
    tables = pl.collect_all(list(queries.values()), engine="streaming")
    return {title: _rows(table) for title, table in zip(queries, tables, strict=True)}


def class_tables(frame: pl.LazyFrame, task: Task) -> dict[str, pl.LazyFrame]:
    """Make the tables for classification: entropy in nats, margin in probability, agreement over labelled rows."""
    wrong = frame.filter(pl.col("agrees").not_()).top_k(TOP, by="margin")
    label = pl.col("label").replace_strict(list(range(task.width)), list(task.labels), return_dtype=pl.String)
    means = [pl.col(name).mean() for name in ("n_tokens", "entropy", "margin")]
    agreement = pl.col("agrees").mean().alias("agreement")
    return {
        "rows by split and operation": _by_operation(frame, [*means, agreement]),
        "most confident mistakes": wrong.select(label, "prediction", "margin", *_texts(task), FAMILY, "split"),
        "entropy in nats": _histogram(frame, "entropy", 0.0, most_entropy(task)),
    }


def score_tables(frame: pl.LazyFrame, task: Task) -> dict[str, pl.LazyFrame]:
    """Make the tables for regression: scores and their distance from the label, in the label's unit."""
    distance = pl.col("error").abs().alias("distance")
    worst = frame.with_columns(distance).filter(pl.col("distance").is_not_null()).top_k(TOP, by="distance")
    means = [pl.col("n_tokens").mean(), pl.col("score").mean(), distance.mean()]
    return {
        "rows by split and operation": _by_operation(frame, means),
        "largest errors": worst.select("label", "score", *_texts(task), FAMILY, "split"),
    }


# One line per kind of task.
TABLES: dict[str, Callable[[pl.LazyFrame, Task], dict[str, pl.LazyFrame]]] = {
    "classify": class_tables,
    "regress": score_tables,
}


def _by_operation(frame: pl.LazyFrame, measures: list[pl.Expr]) -> pl.LazyFrame:
    groups = frame.group_by("split", FAMILY).agg(pl.len().alias("rows"), *measures)
    return groups.sort("rows", "split", "op", descending=[True, False, False])


def _histogram(frame: pl.LazyFrame, column: str, low: float, high: float) -> pl.LazyFrame:
    """Count values in `BINS` bins of equal width, one row a bin, empty ones included."""
    step = (high - low) / BINS
    number = ((pl.col(column) - low) / step).floor().clip(0, BINS - 1).cast(pl.Int64).alias("bin")
    counts = frame.filter(pl.col(column).is_not_null()).group_by(number).agg(pl.len().alias("rows"))
    bins = pl.LazyFrame({"bin": range(BINS)}, schema={"bin": pl.Int64})
    start = (pl.col("bin") * step + low).alias("from")
    filled = bins.join(counts, on="bin", how="left", maintain_order="left")
    return filled.select(start, (start + step).alias("to"), pl.col("rows").fill_null(0))


def _texts(task: Task) -> list[str]:
    return ["text", "pair"] if task.pair else ["text"]


def _rows(table: pl.DataFrame) -> Table:
    rounded = table.with_columns(pl.selectors.float().round(4))
    return rounded.to_dicts()
