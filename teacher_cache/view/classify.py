"""What people see of a teacher's answers about classes: columns of the frame, and small tables."""

import math

import polars as pl

from data.tasks.task import Task
from teacher_cache.view.shared import FAMILY, TOP, answered, by_operation, histogram, texts_of


def class_columns(frame: pl.LazyFrame, task: Task) -> pl.LazyFrame:
    """Add the columns for classification, from the softmax over C classes.

    probabilities  softmax of the logits, float64 [C]
    prediction     name of the most probable class
    entropy        -Σ p ln p, in nats: 0 is certain, ln C is uniform
    margin         probability of the first class minus that of the second
    agrees         prediction is the label; null where there is no label
    """
    classes = range(task.width)
    logits = [pl.col("logits").arr.get(index).cast(pl.Float64) for index in classes]
    shifted = [(logit - pl.max_horizontal(logits)).exp() for logit in logits]
    shares = [(share / pl.sum_horizontal(shifted)).alias(f"_p{index}") for index, share in enumerate(shifted)]
    p = [pl.col(f"_p{index}") for index in classes]
    surprise = [pl.when(share > 0).then(-share * share.log()).otherwise(0.0) for share in p]  # 0 ln 0 is 0
    best = pl.col("probabilities").arr.arg_max()
    ranked = pl.col("probabilities").arr.sort(descending=True)
    names = best.replace_strict(list(classes), list(task.labels), return_dtype=pl.String)
    return (
        frame.with_columns(shares)
        .with_columns(answered(pl.concat_arr(p)).alias("probabilities"))
        .with_columns(
            names.alias("prediction"),
            answered(pl.sum_horizontal(surprise)).alias("entropy"),
            (ranked.arr.get(0) - ranked.arr.get(1)).alias("margin"),
            (best == pl.col("label")).alias("agrees"),
        )
        .drop(f"_p{index}" for index in classes)
    )


def class_tables(frame: pl.LazyFrame, task: Task) -> dict[str, pl.LazyFrame]:
    """Make the tables for classification: entropy in nats, margin in probability, agreement over labelled rows."""
    wrong = frame.filter(pl.col("agrees").not_()).top_k(TOP, by="margin")
    label = pl.col("label").replace_strict(list(range(task.width)), list(task.labels), return_dtype=pl.String)
    means = [pl.col(name).mean() for name in ("n_tokens", "entropy", "margin")]
    agreement = pl.col("agrees").mean().alias("agreement")
    return {
        "rows by split and operation": by_operation(frame, [*means, agreement]),
        "most confident mistakes": wrong.select(label, "prediction", "margin", *texts_of(task), FAMILY, "split"),
        "entropy in nats": histogram(frame, "entropy", 0.0, most_entropy(task)),
    }


def most_entropy(task: Task) -> float:
    """Return the largest possible entropy, ln C nats."""
    return math.log(task.width)
