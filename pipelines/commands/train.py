"""`potstill train`: train a student, or several seeds of it, from the teacher's cache."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from pipelines.inputs.values import Given
from pipelines.options import Columns, Common, Defaults, Fields, Out, spelled
from pipelines.screen.console import Console
from student_train.config import TrainConfig


def train(
    caches: Annotated[
        list[Path],
        typer.Argument(metavar="CACHE…", help="Directory made by `potstill cache`; one for each of several teachers."),
    ],
    dev: Annotated[str, typer.Option("--dev", metavar="FILE", help="Labelled file to choose the best step on.")],
    out: Out,
    options: Annotated[
        Given,
        Fields(
            TrainConfig,
            "model method losses rows epochs steps batch_size lr optimizer seeds best_by class_weights combine weights",
            shown={"losses": "NAME=WEIGHT,…", "best_by": "METRIC", "class_weights": "CLASS=N,…"},
        ),
    ],
    columns: Columns,
    defaults: Defaults,
    common: Common,
    console: Console,
) -> None:
    """Train a student from the cache alone; the teacher is not needed any more.

    Several caches over the same examples are several teachers, combined row by row.

    Example: potstill train runs/x/cache --dev dev.tsv -o runs/x/student --losses logit_mse=1.0 --seeds 0,1,2
    """
    from pipelines import phases
    from pipelines.recipes import settings
    from pipelines.screen.show import show_manifest

    config = settings.resolve(TrainConfig, "train", defaults, options)
    reading = settings.reading(columns, defaults)
    source = reading.source(dev)
    manifest = phases.train(
        config=config, caches=caches, dev=source, out=out, reading=reading, progress=console.progress
    )
    show_manifest(console, out, manifest)
    result = {"out": out, "root": manifest.root, **manifest.report}
    console.done("train", result, following=f"potstill evaluate {out} {shlex.quote(dev)}{spelled(columns)}")
