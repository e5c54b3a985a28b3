"""`potstill cache`: run the teacher over the examples once and keep its answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from pipelines.options import Common, Defaults, Out, Sharing
from pipelines.screen.console import Console
from teacher_cache.config import CacheConfig


@dataclass(frozen=True)
class CacheOptions:
    """Fields of `CacheConfig` that have an option of their own. Lists are written with commas."""

    CONFIG: ClassVar[type] = CacheConfig

    signals: Annotated[
        str | None, typer.Option("--signals", help="What to keep besides logits: `cls.2,hidden.12,qkv.12,gram`.")
    ] = None
    layers: Annotated[
        str | None, typer.Option("--layers", help="Layers of signals named without one: `3,6`; else the last.")
    ] = None
    methods: Annotated[str | None, typer.Option("--for", help="What these methods need: `pkd,tinybert,minilm`.")] = None
    student_layers: Annotated[
        int | None, typer.Option("--student-layers", help="Layers of the student of --for; 0: half of the teacher's.")
    ] = None
    dtype: Annotated[str | None, typer.Option("--dtype", help="auto, float32, bfloat16 or float16.")] = None
    device: Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = None
    max_length: Annotated[int | None, typer.Option("--max-length", help="Longest row in sub-words.")] = None
    token_budget: Annotated[int | None, typer.Option("--token-budget", help="Sub-words of a batch; 0: auto.")] = None
    max_bytes: Annotated[int | None, typer.Option("--max-bytes", help="Refuse a larger cache; 0: no limit.")] = None
    teacher_labels: Annotated[
        str | None, typer.Option("--teacher-labels", metavar="A,B,…", help="Names of the teacher's outputs, in order.")
    ] = None
    threads: Annotated[int | None, typer.Option("--threads", help="CPU threads; 0: all cores.")] = None

    def values(self) -> dict[str, object]:
        """Spell out the lists."""
        signals = self.signals.split(",") if self.signals else None
        methods = self.methods.split(",") if self.methods else None
        layers = [int(layer) if layer.isdigit() else layer for layer in self.layers.split(",")] if self.layers else None
        names = [name.strip() for name in self.teacher_labels.split(",")] if self.teacher_labels else None
        return vars(self) | {"signals": signals, "layers": layers, "methods": methods, "teacher_labels": names}


@dataclass(frozen=True)
class LaunchOptions:
    """Where the shards are computed."""

    workers: Annotated[int, typer.Option("--workers", help="Processes on this machine; 0: one a GPU.")] = 0
    ray: Annotated[str, typer.Option("--ray", metavar="ADDRESS", help="Ray cluster; `local` starts one.")] = ""
    store: Annotated[str, typer.Option("--store", metavar="URL", help="Also keep the cache at s3://…")] = ""
    reuse: Annotated[
        list[str] | None, typer.Option("--reuse", metavar="CACHE", help="Take unchanged rows from it; repeatable.")
    ] = None


def cache(
    examples: Annotated[Path, typer.Argument(metavar="EXAMPLES", help="Directory made by `potstill augment`.")],
    teacher: Annotated[str, typer.Option("-t", "--teacher", metavar="TEACHER", help="Teacher: folder or hub name.")],
    out: Out,
    options: CacheOptions,
    launch: LaunchOptions,
    sharing: Sharing,
    defaults: Defaults,
    common: Common,
    console: Console,
    estimate: Annotated[bool, typer.Option("--estimate", help="Say bytes and time, and stop.")] = False,
) -> None:
    """Run the teacher over the examples once and store its logits and hidden states.

    Example: potstill cache runs/x/examples -t runs/x/encoder -o runs/x/teacher --signals logits,cls
    """
    from pipelines import phases
    from pipelines.recipes import settings
    from pipelines.screen.show import show_manifest
    from teacher_cache.config import Launch

    config = settings.resolve(CacheConfig, "cache", defaults, options.values())
    if estimate:
        from teacher_cache.estimate import estimate as guess
        from teacher_cache.estimate import refuse_size

        expected = guess(config, examples, teacher)
        console.say(str(expected))
        refuse_size(expected, config.max_bytes)
        console.done("cache", {"estimate": vars(expected)}, following="the same command without --estimate")
        return
    where = Launch(launch.workers, sharing.share(), launch.ray, launch.store, tuple(launch.reuse or ()))
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
