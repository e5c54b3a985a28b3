"""`potstill cache`: run the teacher over the examples once and keep its answers."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from pipelines.inputs.values import Given
from pipelines.options import Common, Defaults, Fields, Out, Sharing
from pipelines.screen.console import Console
from teacher_cache.config import CacheConfig, Launch


def cache(
    examples: Annotated[Path, typer.Argument(metavar="EXAMPLES", help="Directory made by `potstill augment`.")],
    teacher: Annotated[str, typer.Option("-t", "--teacher", metavar="TEACHER", help="Teacher: folder or hub name.")],
    out: Out,
    options: Annotated[
        Given,
        Fields(
            CacheConfig,
            "signals layers methods student_layers dtype device max_length token_budget max_bytes teacher_labels "
            "threads",
            named={"methods": "--for"},
        ),
    ],
    launch: Annotated[
        Given,
        Fields(
            Launch,
            "workers ray store reuse",
            shown={"ray": "ADDRESS", "store": "URL", "reuse": "CACHE"},
            repeatable=("reuse",),
        ),
    ],
    sharing: Sharing,
    defaults: Defaults,
    common: Common,
    console: Console,
    estimate: Annotated[bool, typer.Option("--estimate", help="Say bytes and time, and stop.")] = False,
) -> None:
    """Run the teacher over the examples once and store its logits and hidden states.

    Example: potstill cache runs/x/examples -t runs/x/teacher -o runs/x/cache --signals logits,cls
    """
    from pipelines import phases
    from pipelines.recipes import settings
    from pipelines.screen.show import show_manifest

    config = settings.resolve(CacheConfig, "cache", defaults, options)
    if estimate:
        expected = phases.estimate(config=config, examples=examples, teacher=teacher, say=console.say)
        console.done("cache", {"estimate": vars(expected)}, following="the same command without --estimate")
        return
    where = replace(settings.resolve(Launch, "launch", Defaults(), launch), share=sharing.share())
    manifest = phases.cache(
        config=config, examples=examples, teacher=teacher, out=out, launch=where, progress=console.progress
    )
    if manifest is None:
        console.say(f"this share ({where.share.index} of {where.share.count}) is done, others are not yet")
        console.done("cache", {"out": out, "sealed": False}, following="the last share seals the cache")
        return
    show_manifest(console, out, manifest)
    following = f"potstill train {out} --dev DEV -o {out.parent / 'student'}"
    result = {"out": out, "sealed": True, "rows": manifest.rows, "root": manifest.root}
    console.done("cache", result | {"reused": manifest.report.get("reused", 0)}, following=following)
