"""What people see of a teacher's scores: columns of the frame, and small tables."""

import polars as pl

from data.tasks.task import Task
from teacher_cache.view.shared import FAMILY, TOP, answered, by_operation, texts_of


def score_columns(frame: pl.LazyFrame, task: Task) -> pl.LazyFrame:
    """Add a regression's `score` and its `error`, score minus label (null where there is no label)."""
    score = answered(pl.col("logits").arr.get(0)).alias("score")
    return frame.with_columns(score).with_columns((pl.col("score") - pl.col("label")).alias("error"))


def score_tables(frame: pl.LazyFrame, task: Task) -> dict[str, pl.LazyFrame]:
    """Make the tables for regression: scores and their distance from the label, in the label's unit."""
    distance = pl.col("error").abs().alias("distance")
    worst = frame.with_columns(distance).filter(pl.col("distance").is_not_null()).top_k(TOP, by="distance")
    means = [pl.col("n_tokens").mean(), pl.col("score").mean(), distance.mean()]
    return {
        "rows by split and operation": by_operation(frame, means),
        "largest errors": worst.select("label", "score", *texts_of(task), FAMILY, "split"),
    }
