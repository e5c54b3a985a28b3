"""`potstill augment`: multiply the training texts by masking, part-of-speech replacement and n-grams."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from augment.config import AugmentConfig
from pipelines.options import Columns, Common, Defaults, Out, Sharing
from pipelines.screen.console import Console


@dataclass(frozen=True)
class AugmentOptions:
    """Fields of `AugmentConfig` that have an option of their own."""

    CONFIG: ClassVar[type] = AugmentConfig

    n_iter: Annotated[int | None, typer.Option("--n-iter", help="Draws per original; 0: the originals only.")] = None
    p_mask: Annotated[float | None, typer.Option("--p-mask", help="Probability to mask a word.")] = None
    p_pos: Annotated[
        float | None, typer.Option("--p-pos", help="Probability to swap a word for one of its part of speech.")
    ] = None
    p_ng: Annotated[float | None, typer.Option("--p-ng", help="Probability to keep one n-gram only.")] = None
    seed: Annotated[int | None, typer.Option("--seed", help="Another seed, other draws.")] = None
    symmetric: Annotated[
        bool | None, typer.Option("--symmetric", help="Pairs mean the same both ways round: exclude both.")
    ] = None
    language: Annotated[str | None, typer.Option("--language", help="Language of the texts: en, zh…")] = None
    tagger: Annotated[
        str | None, typer.Option("--tagger", help="auto, own, spacy:NAME_OR_PATH, nltk, jieba or none.")
    ] = None
    workers: Annotated[int | None, typer.Option("--workers", help="Processes; 0: one a core.")] = None


def augment(
    train: Annotated[str, typer.Argument(metavar="TRAIN", help="Labelled file, or hf:NAME.")],
    out: Out,
    options: AugmentOptions,
    columns: Columns,
    sharing: Sharing,
    defaults: Defaults,
    common: Common,
    console: Console,
    unlabelled: Annotated[
        list[str] | None, typer.Option("--unlabelled", metavar="FILE", help="More texts without labels; repeatable.")
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="FILE", help="Texts that must not come out (dev, test); repeatable."),
    ] = None,
) -> None:
    """Multiply the training texts: mask words, replace them by others of their part of speech, cut n-grams.

    Any number of processes may work at one directory, on one machine or many: every one of them ends with all done.
    With --shard-index, or in a job array, each begins with other chunks.

    Example: potstill augment train.tsv --exclude dev.tsv --exclude test.tsv -o runs/x/examples
    """
    from pipelines import phases
    from pipelines.recipes import settings
    from pipelines.screen.show import show_manifest

    config = settings.resolve(AugmentConfig, "augment", defaults, vars(options))
    reading = settings.reading(columns, defaults)
    files = phases.Files(
        reading,
        reading.source(train),
        unlabelled=tuple(reading.unlabelled(path) for path in unlabelled or ()),
        exclude=tuple(reading.unlabelled(path) for path in exclude or ()),
    )
    manifest = phases.augment(config=config, files=files, out=out, share=sharing.share(), progress=console.progress)
    show_manifest(console, out, manifest)
    following = f"potstill cache {out} -t TEACHER_DIR -o {out.parent / 'teacher'}"
    console.done("augment", {"out": out, "rows": manifest.rows, "root": manifest.root}, following=following)
