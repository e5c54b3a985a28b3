"""`potstill augment`: multiply the training texts by masking, part-of-speech replacement and n-grams."""

from typing import Annotated

import typer

from augment.config import AugmentConfig
from pipelines.inputs.values import Given
from pipelines.options import Columns, Common, Defaults, Exclude, Fields, Out, Sharing, Train
from pipelines.screen.console import Console


def augment(
    train: Train,
    out: Out,
    options: Annotated[Given, Fields(AugmentConfig, "n_iter p_mask p_pos p_ng seed symmetric language tagger workers")],
    columns: Columns,
    sharing: Sharing,
    defaults: Defaults,
    common: Common,
    console: Console,
    unlabelled: Annotated[
        list[str] | None, typer.Option("--unlabelled", metavar="FILE", help="More texts without labels; repeatable.")
    ] = None,
    exclude: Exclude = None,
) -> None:
    """Multiply the training texts: mask words, replace them by others of their part of speech, cut n-grams.

    Any number of processes may work at one directory, on one machine or many: every one of them ends with all done.
    With --shard-index, or in a job array, each begins with other chunks.

    Example: potstill augment train.tsv --exclude dev.tsv --exclude test.tsv -o runs/x/examples
    """
    from pipelines import phases
    from pipelines.recipes import settings
    from pipelines.screen.show import show_manifest

    config = settings.resolve(AugmentConfig, "augment", defaults, options)
    reading = settings.reading(columns, defaults)
    files = phases.Files(
        reading,
        reading.source(train),
        unlabelled=tuple(reading.unlabelled(path) for path in unlabelled or ()),
        exclude=tuple(reading.unlabelled(path) for path in exclude or ()),
    )
    manifest = phases.augment(config=config, files=files, out=out, share=sharing.share(), progress=console.progress)
    show_manifest(console, out, manifest)
    following = f"potstill cache {out} -t TEACHER_DIR -o {out.parent / 'cache'}"
    console.done("augment", {"out": out, "rows": manifest.rows, "root": manifest.root}, following=following)
