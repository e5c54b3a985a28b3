"""`potstill bench`: size and speed of students and teachers, side by side on the same threads."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.options import Columns, Common, Defaults
from pipelines.screen.console import Console


def bench(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL…", help="Directories, or classifiers on the hub.")],
    columns: Columns,
    defaults: Defaults,
    common: Common,
    console: Console,
    on: Annotated[str, typer.Option("--on", metavar="FILE", help="Texts to run over.")] = "demo:test",
    threads: Annotated[int, typer.Option("--threads", help="CPU threads.")] = 1,
) -> None:
    """Measure parameters, bytes, latency of one row (p50, p95) and rows per second at batch 256.

    Example: potstill bench runs/x/student runs/x/teacher --on test.tsv
    """
    from pipelines import phases
    from pipelines.recipes import settings
    from pipelines.scores import measured

    source = settings.reading(columns, defaults, alone=True).unlabelled(on)
    places = {str(model): model for model in models}
    rows = phases.bench(models=places, source=source, threads=threads, progress=console.progress)
    measured.keep_speeds(places, rows, str(source.path))
    console.table(
        [
            {"model": name} | {key: value for key, value in numbers.items() if key != "name"}
            for name, numbers in rows.items()
        ]
    )
    console.done("bench", {"threads": threads, "models": rows}, following=f"potstill evaluate {models[0]} TEST")
