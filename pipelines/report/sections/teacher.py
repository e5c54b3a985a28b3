"""The teacher's predictions: their entropy, their agreement with the labels, and confident mistakes."""

from collections.abc import Sequence
from typing import Any

from data.errors import PotstillError
from pipelines.report.gather import Run
from pipelines.report.kinds.table import VIEWS
from pipelines.report.pages.document import Alert, Paragraph, Section, Table
from teacher_cache.frame import open_frame
from teacher_cache.view.tables import summary

TEXTS = ("text", "pair")
LONGEST = 400  # letters shown of a text
FOLDED = ("rows by split and operation",)  # titles of `teacher_cache.view.tables`
SHOWN = (*FOLDED, "most confident mistakes", "largest errors")


def section(run: Run) -> Section | None:
    """Read the cache with its examples. If they do not belong together, the section says only that."""
    if run.cache is None:
        return None
    task, report = run.cache.task, run.cache.report
    try:
        frame = open_frame(run.cache_path)
        tables = summary(frame, task)
        blocks = VIEWS[task.kind].teacher(frame, task)
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
