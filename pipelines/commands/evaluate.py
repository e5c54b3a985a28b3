"""`potstill evaluate`: measure a student, or a teacher, on labelled files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipelines.console import Console
from pipelines.options import Columns, Common, Defaults


def evaluate(
    model: Annotated[Path, typer.Argument(metavar="STUDENT", help="Student or teacher directory.")],
    tests: Annotated[list[str], typer.Argument(metavar="TEST…", help="Labelled files.")],
    columns: Columns,
    defaults: Defaults,
    common: Common,
    console: Console,
) -> None:
    """Measure a student (every seed of it) or a teacher on labelled files.

    Example: potstill evaluate runs/x/student dev.tsv test.tsv
    """
    from pipelines import phases, settings

    reading = settings.reading(columns, defaults)
    sources = {path: reading.source(path) for path in tests}
    seeds = phases.seeds_of(model)
    measured = phases.evaluate(models={"model": model}, sources=sources, progress=console.progress)["model"]
    for path, runs in measured.items():
        rows = [{"model": seed.name} | metrics for seed, metrics in zip(seeds, runs, strict=True)]
        console.table(rows + averages(runs), title=path)
    console.done("evaluate", {"model": model, "metrics": measured}, following=f"potstill predict {model} FILE")


def averages(runs: Sequence[dict[str, float]]) -> list[dict[str, object]]:
    """Summarise several seeds: a row of means and one of standard deviations (n - 1)."""
    from statistics import mean, stdev

    if len(runs) < 2:
        return []
    columns = {name: [run[name] for run in runs] for name in runs[0]}
    return [
        {"model": "mean"} | {name: mean(values) for name, values in columns.items()},
        {"model": "std"} | {name: stdev(values) for name, values in columns.items()},
    ]
