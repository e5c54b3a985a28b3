"""`potstill evaluate`: measure a student, or a teacher, on labelled files."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from data.errors import PotstillError
from pipelines.options import Columns, Common, Defaults
from pipelines.screen.console import Console

if TYPE_CHECKING:
    from data.readers.source import Source
    from data.tasks.metrics import SeedScores
    from pipelines.scores.outcome import Evaluated


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

    Example: potstill evaluate runs/x/student dev.tsv test.tsv --teacher runs/x/teacher
    """
    from pipelines import phases
    from pipelines.recipes import settings
    from pipelines.scores import measured
    from pipelines.scores.outcome import json_of

    reading = settings.reading(columns, defaults, alone=True)
    sources = {path: reading.source(path) for path in tests}
    run = measured.run_of(model)
    name = "model" if teacher and model.name == measured.TEACHER else measured.model_name(model.name)
    models = {name: model} | ({measured.TEACHER: teacher} if teacher else {})
    other = measured.TEACHER if teacher else ""
    found = phases.evaluate(
        models=models, sources=sources, reading=reading, teacher=other, keep_in=run, progress=console.progress
    )
    beaten = rivals_beside(model, sources, console) if run else {}
    positive = phases.positive_of(model, reading)
    for path in sources:
        rows = table(found[name][path], {rival: scores[path] for rival, scores in beaten.items()})
        console.table(rows, title=f"{path} (f1 of {positive})" if positive else path)
    metrics = json_of(found)[name]
    result = {"model": model, "positive": positive, "metrics": metrics, "rivals": json_of(beaten)}
    following = f"potstill report {run}" if run else f"potstill bench {model} --on {tests[0]}"
    console.done("evaluate", result, following=following)


def rivals_beside(student: Path, sources: "Mapping[str, Source]", console: Console) -> "Evaluated":
    """Measure a student's rivals on the same files, if its examples and cache are in its run."""
    from pipelines import phases
    from pipelines.report.sealed import find_sealed, learned_from

    run = student.resolve().parent
    places = learned_from(find_sealed(run, []), student)
    if places is None:
        return {}
    examples, cache = places
    try:
        return phases.rivals(examples=examples, cache=cache, sources=sources, keep_in=run, progress=console.progress)
    except PotstillError as error:
        console.progress.note(f"no rivals beside it: {error.message}")
        return {}


def table(found: "SeedScores", rivals: Mapping[str, "SeedScores"]) -> list[dict[str, Any]]:
    """Make table rows: metrics of each seed, mean and standard deviation of several, then the rivals."""
    rows = [{"model": name} | dict(metrics) for name, metrics in found.seeds.items()]
    if len(rows) > 1:
        rows.append({"model": "mean"} | {metric: found.mean(metric) for metric in found.metrics})
        rows.append({"model": "std"} | {metric: found.std(metric) for metric in found.metrics})
    return rows + [
        {"model": name} | {metric: scores.mean(metric) for metric in scores.metrics} for name, scores in rivals.items()
    ]
