"""What the views of all kinds of task are made of: answered rows, rows by operation, histograms."""

import polars as pl

from data.tasks.task import Task
from data.text.encoding import OK, TRUNCATED

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


def answered(value: pl.Expr) -> pl.Expr:
    """Return a column with null where the teacher has no answer (stored as NaN)."""
    return pl.when(pl.col("status").is_in([OK, TRUNCATED])).then(value)


def by_operation(frame: pl.LazyFrame, measures: list[pl.Expr]) -> pl.LazyFrame:
    """Count rows by split and operation, beside the given measures."""
    groups = frame.group_by("split", FAMILY).agg(pl.len().alias("rows"), *measures)
    return groups.sort("rows", "split", "op", descending=[True, False, False])


def histogram(frame: pl.LazyFrame, column: str, low: float, high: float) -> pl.LazyFrame:
    """Count values in `BINS` bins of equal width, one row a bin, empty ones included."""
    step = (high - low) / BINS
    number = ((pl.col(column) - low) / step).floor().clip(0, BINS - 1).cast(pl.Int64).alias("bin")
    counts = frame.filter(pl.col(column).is_not_null()).group_by(number).agg(pl.len().alias("rows"))
    bins = pl.LazyFrame({"bin": range(BINS)}, schema={"bin": pl.Int64})
    start = (pl.col("bin") * step + low).alias("from")
    filled = bins.join(counts, on="bin", how="left", maintain_order="left")
    return filled.select(start, (start + step).alias("to"), pl.col("rows").fill_null(0))


def texts_of(task: Task) -> list[str]:
    """The columns that hold a row's texts."""
    return ["text", "pair"] if task.pair else ["text"]
