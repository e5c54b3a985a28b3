"""`potstill teach`: fine-tune an encoder from the Hugging Face hub, or from a folder, as the teacher."""

import shlex
from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from pipelines.commands.train import weights_of_classes
from pipelines.options import BestBy, ClassWeights, Columns, Common, Defaults, Out
from pipelines.screen.console import Console
from student_train.config import TeachConfig


@dataclass(frozen=True)
class TeachOptions:
    """Fields of `TeachConfig` that have an option of their own."""

    CONFIG: ClassVar[type] = TeachConfig

    epochs: Annotated[int | None, typer.Option("--epochs", help="Passes over the data.")] = None
    batch_size: Annotated[int | None, typer.Option("--batch-size", help="Rows of a step.")] = None
    lr: Annotated[float | None, typer.Option("--lr", help="Highest learning rate.")] = None
    max_length: Annotated[int | None, typer.Option("--max-length", help="Longest row in sub-words.")] = None
    seed: Annotated[int | None, typer.Option("--seed", help="Another seed, another teacher.")] = None
    best_by: BestBy = None
    class_weights: ClassWeights = None

    def values(self) -> dict[str, object]:
        """Spell out the lists."""
        return vars(self) | {"class_weights": weights_of_classes(self.class_weights)}


def teach(
    train: Annotated[str, typer.Argument(metavar="TRAIN", help="Labelled file, or hf:NAME.")],
    dev: Annotated[str, typer.Option("--dev", metavar="FILE", help="Labelled file to choose the best epoch on.")],
    model: Annotated[
        str,
        typer.Option(
            "-m", "--model", help="Encoder: hub name, folder, `demo` (the offline one) or `scratch:4x256` (a new one)."
        ),
    ],
    out: Out,
    options: TeachOptions,
    columns: Columns,
    defaults: Defaults,
    common: Common,
    console: Console,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="FILE", help="Texts not to learn from (dev, test); repeatable."),
    ] = None,
    symmetric: Annotated[
        bool, typer.Option("--symmetric", help="Pairs mean the same both ways round: exclude both.")
    ] = False,
) -> None:
    """Fine-tune any Hugging Face encoder as the teacher.

    Example: potstill teach train.tsv --dev dev.tsv -m answerdotai/ModernBERT-base -o runs/x/encoder
    """
    from pipelines import phases
    from pipelines.recipes import settings
    from pipelines.screen.show import show_manifest

    config = settings.resolve(TeachConfig, "teach", defaults, options.values())
    reading = settings.reading(columns, defaults)
    kept_out = tuple(reading.unlabelled(path) for path in exclude or ())
    files = phases.Files(reading, reading.source(train), reading.source(dev), exclude=kept_out, symmetric=symmetric)
    manifest = phases.teach(config=config, files=files, model=model, out=out, progress=console.progress)
    show_manifest(console, out, manifest)
    named = f"{shlex.quote(train)} --exclude {shlex.quote(dev)} -o {out.parent / 'examples'}"
    following = f"potstill augment {named}{columns.spelled}"
    console.done("teach", {"out": out, "root": manifest.root, **manifest.report}, following=following)
