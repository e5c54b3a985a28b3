"""`potstill evaluate`: measure a student, or a teacher, on labelled files."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from data.errors import PotstillError
from pipelines.console import Console
from pipelines.options import Columns, Common, Defaults

if TYPE_CHECKING:
    from data.readers.source import Source


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
    from pipelines import measured, phases, settings

    reading = settings.reading(columns, defaults)
    sources = {path: reading.source(path) for path in tests}
    run = measured.run_of(model)
    name = "model" if teacher and model.name == measured.ENCODER else measured.model_name(model.name)
    models = {name: model} | ({measured.TEACHER: teacher} if teacher else {})
    found = phases.evaluate(
        models=models,
        sources=sources,
        reading=reading,
        teacher=measured.TEACHER if teacher else "",
        keep_in=run,
        progress=console.progress,
    )
    beaten = rivals_beside(model, sources, console) if run else {}
    for path in sources:
        console.table(table(found[name][path], {rival: scores[path] for rival, scores in beaten.items()}), title=path)
    console.done(
        "evaluate",
        {"model": model, "metrics": found[name], "rivals": beaten},
        following=f"potstill report {run}" if run else f"potstill bench {model} --on {tests[0]}",
    )


def rivals_beside(student: Path, sources: "Mapping[str, Source]", console: Console) -> dict[str, Any]:
    """Measure the rivals of a student on the same files, where its examples and cache lie in its run."""
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


def table(found: Mapping[str, Any], rivals: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lay out the metrics of each seed, of several the mean and the spread, and those of the rivals."""
    rows = [{"model": name} | metrics for name, metrics in found.items() if name != "all"]
    if len(rows) > 1:
        kinds = next(iter(found["all"].values()))
        rows += [{"model": kind} | {name: item[kind] for name, item in found["all"].items()} for kind in kinds]
    return rows + [
        {"model": name} | {metric: item["mean"] for metric, item in scores["all"].items()}
        for name, scores in rivals.items()
    ]
