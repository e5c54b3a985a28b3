"""`potstill teach`: fine-tune an encoder from the Hugging Face hub, or from a folder, as the teacher."""

import shlex
from typing import Annotated

import typer

from augment.config import AugmentConfig
from pipelines.inputs.values import Given
from pipelines.options import Columns, Common, Defaults, Exclude, Fields, Out, Train, help_of, spelled
from pipelines.screen.console import Console
from student_train.config import TeachConfig


def teach(
    train: Train,
    dev: Annotated[str, typer.Option("--dev", metavar="FILE", help="Labelled file to choose the best epoch on.")],
    model: Annotated[
        str,
        typer.Option(
            "-m", "--model", help="Encoder: hub name, folder, `demo` (the offline one) or `scratch:4x256` (a new one)."
        ),
    ],
    out: Out,
    options: Annotated[
        Given,
        Fields(
            TeachConfig,
            "epochs batch_size lr max_length seed best_by class_weights",
            shown={"best_by": "METRIC", "class_weights": "CLASS=N,…"},
        ),
    ],
    columns: Columns,
    defaults: Defaults,
    common: Common,
    console: Console,
    exclude: Exclude = None,
    symmetric: Annotated[bool, typer.Option("--symmetric", help=help_of(AugmentConfig, "symmetric"))] = False,
) -> None:
    """Fine-tune any Hugging Face encoder as the teacher.

    Example: potstill teach train.tsv --dev dev.tsv -m answerdotai/ModernBERT-base -o runs/x/teacher
    """
    from pipelines import phases
    from pipelines.recipes import settings
    from pipelines.screen.show import show_manifest

    config = settings.resolve(TeachConfig, "teach", defaults, options)
    reading = settings.reading(columns, defaults)
    kept_out = tuple(reading.unlabelled(path) for path in exclude or ())
    files = phases.Files(reading, reading.source(train), reading.source(dev), exclude=kept_out, symmetric=symmetric)
    manifest = phases.teach(config=config, files=files, model=model, out=out, progress=console.progress)
    show_manifest(console, out, manifest)
    named = f"{shlex.quote(train)} --exclude {shlex.quote(dev)} -o {out.parent / 'examples'}"
    following = f"potstill augment {named}{spelled(columns)}"
    console.done("teach", {"out": out, "root": manifest.root, **manifest.report}, following=following)
