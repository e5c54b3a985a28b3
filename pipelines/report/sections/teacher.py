"""The teacher's predictions: their entropy, their agreement with the labels, and confident mistakes."""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from data.errors import PotstillError
from data.tasks import metrics
from data.tasks.task import Task
from pipelines.report.gather import Run
from pipelines.report.pages import pictures
from pipelines.report.pages.document import Alert, Block, Facts, Paragraph, Picture, Section, Table
from pipelines.screen.console import cell
from teacher_cache.frame import most_entropy, open_frame
from teacher_cache.view.tables import summary

BINS = 24
POINTS = 600  # points of a scatter
TEXTS = ("text", "pair")
LONGEST = 400  # letters shown of a text
FOLDED = ("rows by split and operation",)  # titles of `teacher_cache.view.tables`
SHOWN = (*FOLDED, "most confident mistakes", "largest errors")
ORIGINALS, AUGMENTED = "original texts", "augmented texts"


def section(run: Run) -> Section | None:
    """Read the cache with its examples. If they do not belong together, the section says only that."""
    if run.cache is None:
        return None
    task, report = run.cache.task, run.cache.report
    try:
        frame = open_frame(run.cache_path)
        tables = summary(frame, task)
        blocks = VIEWS[task.kind](frame, task) if task.kind in VIEWS else []
    except PotstillError as error:
        return Section("The teacher", (Alert(f"The cache cannot be read beside its examples: {error.message}"),))
    others = {status: count for status, count in report["status"].items() if status != "ok"}
    how = f"{run.cache.config.get('dtype', '?')} on {run.cache.report.get('device', '?')}"
    about = f"The teacher answered {report['rows']:,} texts at {report['rows_per_second']:,.0f} rows/s ({how})."
    if others:
        about += f" Not plainly ok: {', '.join(f'{status} {count:,}' for status, count in others.items())}."
    if _seen(run):
        about += (
            " It was fine-tuned on the labels of these texts, so it agrees with them more than it would on new ones."
        )
    found = [
        Table(title[:1].upper() + title[1:], _cut(rows), folded=title in FOLDED)
        for title, rows in tables.items()
        if title in SHOWN and rows
    ]
    return Section("The teacher", (Paragraph(about), *blocks, *found))


def class_blocks(frame: pl.LazyFrame, task: Task) -> list[Block]:
    """Agreement with the labels, a histogram of the entropy, and labels against predictions."""
    labelled = frame.filter(pl.col("agrees").is_not_null())
    counts = labelled.group_by("label", "prediction").len().collect(engine="streaming").to_dicts()
    total = sum(row["len"] for row in counts)
    right = sum(row["len"] for row in counts if task.labels[row["label"]] == row["prediction"])
    blocks: list[Block] = []
    if total:
        facts = ((f"{100 * right / total:.1f} %", f"of {total:,} labels are the teacher's answer too"),)
        blocks.append(Facts(facts))
    label = "entropy in nats: 0 is certain, the right edge knows nothing"
    blocks.append(_histogram(frame, ("entropy", 0.0, most_entropy(task)), label, "Entropy of the teacher"))
    if total and len(task.labels) <= 12:
        grid = {(row["label"], row["prediction"]): row["len"] for row in counts}
        rows = [
            {"label": name} | {f"teacher: {said}": grid.get((number, said), 0) for said in task.labels}
            for number, name in enumerate(task.labels)
        ]
        blocks.append(Table("Labels and what the teacher says", rows))
    return blocks


def score_blocks(frame: pl.LazyFrame, task: Task) -> list[Block]:
    """Correlation with the labels, a histogram of the scores, and labels against scores."""
    known = frame.filter(pl.col("error").is_not_null()).select("label", "score").collect(engine="streaming")
    blocks: list[Block] = []
    if len(known) > 1:
        found = metrics.correlation(known["score"].to_numpy(), known["label"].to_numpy())
        facts = tuple((f"{found[name]:.3f}", f"{name} of score and label") for name in ("pearson", "spearman"))
        blocks.append(Facts(facts))
    ends = frame.select(pl.col("score").min().alias("low"), pl.col("score").max().alias("high")).collect()
    low, high = ends.row(0)
    if low is not None and high > low:
        blocks.append(_histogram(frame, ("score", low, high), "score", "Scores of the teacher"))
    if len(known) > 1:
        few = known.gather_every(max(1, len(known) // POINTS))
        cloud = pictures.Line("teacher", 0, few["label"].to_list(), few["score"].to_list())
        svg = pictures.scatter([cloud], x_label="label", y_label="score")
        about = f"{len(few):,} labelled texts; on the dashed line score and label are equal."
        blocks.append(Picture("teacher-labels", "Teacher's score against the label", about, svg))
    return blocks


# One line per kind of task.
VIEWS: dict[str, Callable[[pl.LazyFrame, Task], list[Block]]] = {"classify": class_blocks, "regress": score_blocks}


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


def _histogram(frame: pl.LazyFrame, what: tuple[str, float, float], label: str, title: str) -> Picture:
    column, low, high = what
    edges, shares, means = shares_of(frame, column, low, high)
    said = "; ".join(f"{name}: mean {cell(round(mean, 4))}" for name, mean in means.items())
    svg = pictures.histogram(edges, shares, x_label=label)
    return Picture(f"teacher-{column}", title, f"{said}.", svg)


def _cut(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the texts first, for on a phone the rest is out of sight, and shorten long ones."""
    rows = [{key: row[key] for key in (*TEXTS, *row) if key in row} for row in rows]
    return [
        {
            key: f"{value[:LONGEST]} …" if isinstance(value, str) and len(value) > LONGEST else value
            for key, value in row.items()
        }
        for row in rows
    ]


def _seen(run: Run) -> bool:
    """Whether the teacher learned from the file that the examples come from."""
    if run.teacher is None or run.examples is None:
        return False
    return run.teacher.made_from.get("train") in run.examples.made_from.values()
