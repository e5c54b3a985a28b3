"""`potstill train`: train a student, or several seeds of it, from the teacher's cache."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from data.errors import PotstillError
from pipelines.options import BestBy, ClassWeights, Columns, Common, Defaults, Out
from pipelines.screen.console import Console
from student_train.config import TrainConfig


@dataclass(frozen=True)
class TrainOptions:
    """Fields of `TrainConfig` that have an option of their own. Lists are written with commas."""

    CONFIG: ClassVar[type] = TrainConfig

    model: Annotated[str | None, typer.Option("--model", help="Student: bilstm, siamese_bilstm.")] = None
    losses: Annotated[
        str | None, typer.Option("--losses", metavar="NAME=WEIGHT,…", help="e.g. `logit_mse=1.0` or `kl=0.9,ce=0.1`.")
    ] = None
    rows: Annotated[str | None, typer.Option("--rows", help="all, original or augmented.")] = None
    epochs: Annotated[int | None, typer.Option("--epochs", help="Passes over the rows.")] = None
    batch_size: Annotated[int | None, typer.Option("--batch-size", help="Rows of a step.")] = None
    lr: Annotated[float | None, typer.Option("--lr", help="Highest learning rate.")] = None
    optimizer: Annotated[str | None, typer.Option("--optimizer", help="adamw or adadelta.")] = None
    seeds: Annotated[str | None, typer.Option("--seeds", metavar="N,…", help="One student a seed: `0,1,2`.")] = None
    best_by: BestBy = None
    class_weights: ClassWeights = None
    combine: Annotated[
        str | None,
        typer.Option("--combine", help="Several caches: mean_logits (if not said) or mean_probabilities."),
    ] = None
    weights: Annotated[
        str | None, typer.Option("--weights", metavar="W,…", help="Weight of each cache's teacher: `0.7,0.3`.")
    ] = None

    def values(self) -> dict[str, object]:
        """Spell out the lists."""
        return vars(self) | {
            "losses": named_weights(self.losses, "--losses", "kl=0.9,ce=0.1") if self.losses else None,
            "class_weights": weights_of_classes(self.class_weights),
            "seeds": [whole(seed) for seed in self.seeds.split(",")] if self.seeds else None,
            "weights": [real(weight) for weight in self.weights.split(",")] if self.weights else None,
        }


def train(
    caches: Annotated[
        list[Path],
        typer.Argument(metavar="CACHE…", help="Directory made by `potstill cache`; one for each of several teachers."),
    ],
    dev: Annotated[str, typer.Option("--dev", metavar="FILE", help="Labelled file to choose the best step on.")],
    out: Out,
    options: TrainOptions,
    columns: Columns,
    defaults: Defaults,
    common: Common,
    console: Console,
) -> None:
    """Train a student from the cache alone; the teacher is not needed any more.

    Several caches over the same examples are several teachers, combined row by row.

    Example: potstill train runs/x/teacher --dev dev.tsv -o runs/x/student --losses logit_mse=1.0 --seeds 0,1,2
    """
    from data.manifest import read_manifest
    from pipelines import phases
    from pipelines.recipes import settings
    from pipelines.screen.show import show_manifest

    config = settings.resolve(TrainConfig, "train", defaults, options.values())
    reading = settings.reading(columns, defaults)
    source = reading.source(dev)
    teacher, *also = caches
    reading.check(read_manifest(teacher, "teacher", parts=False).task, str(teacher))
    manifest = phases.train(config=config, teacher=teacher, also=also, dev=source, out=out, progress=console.progress)
    show_manifest(console, out, manifest)
    result = {"out": out, "root": manifest.root, **manifest.report}
    console.done("train", result, following=f"potstill evaluate {out} {shlex.quote(dev)}{columns.spelled}")


def named_weights(text: str, option: str, example: str) -> dict[str, float]:
    """Read `kl=0.9,ce=0.1`; a name alone has weight 1. A name may hold `=` itself."""
    found = {}
    for item in text.split(","):
        name, sign, weight = item.strip().rpartition("=")
        name, weight = (name, weight) if sign else (weight, "")
        try:
            found[name] = float(weight or 1)
        except ValueError:
            raise PotstillError(f"{option} {text!r}: {weight!r} is not a number", hint=f"e.g. {example}") from None
    return found


def weights_of_classes(text: str | None) -> str | dict[str, float] | None:
    """Read `--class-weights`: a word such as `balanced`, or `spam=3,ham=1`."""
    return text if text is None or "=" not in text else named_weights(text, "--class-weights", "spam=3,ham=1")


def whole(text: str) -> int:
    """Read a whole number."""
    try:
        return int(text)
    except ValueError:
        raise PotstillError(f"{text!r} is not a whole number", hint="e.g. --seeds 0,1,2") from None


def real(text: str) -> float:
    """Read a number."""
    try:
        return float(text)
    except ValueError:
        raise PotstillError(f"{text!r} is not a number", hint="e.g. --weights 0.7,0.3") from None
