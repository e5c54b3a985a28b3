"""`potstill evaluate`: measure a student, or a teacher, on labelled files."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.console import Console
from pipelines.options import Columns, Common, Defaults


def evaluate(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="Student or teacher directory, or a classifier on the hub.")
    ],
    tests: Annotated[list[str], typer.Argument(metavar="TEST…", help="Labelled files.")],
    columns: Columns,
    defaults: Defaults,
    common: Common,
    console: Console,
    teacher: Annotated[
        Path | None,
        typer.Option("-t", "--teacher", metavar="TEACHER", help="Also say how often it answers as this model."),
    ] = None,
) -> None:
    """Measure a student (every seed of it) or a teacher on labelled files.

    Example: potstill evaluate runs/x/student dev.tsv test.tsv --teacher runs/x/encoder
    """
    from pipelines import phases, settings

    reading = settings.reading(columns, defaults)
    sources = {path: reading.source(path) for path in tests}
    models = {"model": model} | ({"teacher": teacher} if teacher else {})
    found = phases.evaluate(
        models=models, sources=sources, reading=reading, teacher="teacher", progress=console.progress
    )
    measured = found["model"]
    for path, found in measured.items():
        console.table(table(found), title=path)
    console.done("evaluate", {"model": model, "metrics": measured}, following=f"potstill bench {model} --on {tests[0]}")


def table(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Lay out the metrics of each seed, and of several the mean and the spread."""
    rows = [{"model": name} | metrics for name, metrics in found.items() if name != "all"]
    if len(rows) == 1:
        return rows
    kinds = next(iter(found["all"].values()))
    return rows + [{"model": kind} | {name: item[kind] for name, item in found["all"].items()} for kind in kinds]
