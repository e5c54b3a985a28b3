"""What the views of all kinds of task are made of: originals beside augmented texts, histograms."""

from typing import Any

import polars as pl

from pipelines.report.pages import pictures
from pipelines.report.pages.document import Picture
from pipelines.screen.console import cell

BINS = 24
PARTS = ("originals", "augmented")  # of the rows that students and teacher are compared on
ORIGINALS, AUGMENTED = "original texts", "augmented texts"

Found = dict[str, Any]


def shares_of(
    frame: pl.LazyFrame, column: str, low: float, high: float
) -> tuple[list[float], dict[str, list[float]], dict[str, float]]:
    """Edges of `BINS` bins, per cent of rows in each, and the mean; for originals and augmented texts apart."""
    step = (high - low) / BINS
    number = ((pl.col(column) - low) / step).floor().clip(0, BINS - 1).cast(pl.Int32).alias("bin")
    made = pl.col("op").is_not_null().alias("made")
    counts = (
        frame.filter(pl.col(column).is_not_null())
        .group_by(made, number)
        .agg(pl.len().alias("rows"), pl.col(column).sum().alias("sum"))
        .collect(engine="streaming")
        .to_dicts()
    )
    shares, means = {}, {}
    for name, is_made in ((ORIGINALS, False), (AUGMENTED, True)):
        held = {row["bin"]: row for row in counts if row["made"] == is_made}
        if total := sum(row["rows"] for row in held.values()):
            shares[name] = [100 * held[place]["rows"] / total if place in held else 0.0 for place in range(BINS)]
            means[name] = sum(row["sum"] for row in held.values()) / total
    return [low + step * place for place in range(BINS + 1)], shares, means


def histogram(frame: pl.LazyFrame, what: tuple[str, float, float], label: str, title: str) -> Picture:
    """A picture of a column's values. what: the column, and the ends of the scale."""
    column, low, high = what
    edges, shares, means = shares_of(frame, column, low, high)
    said = "; ".join(f"{name}: mean {cell(round(mean, 4))}" for name, mean in means.items())
    svg = pictures.histogram(edges, shares, x_label=label)
    return Picture(f"teacher-{column}", title, f"{said}.", svg)
