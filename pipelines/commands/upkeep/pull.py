"""`potstill pull`: fetch a cache and its examples from an object store."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.options import Common
from pipelines.screen.console import Console


def pull(
    url: Annotated[str, typer.Argument(metavar="URL", help="What `potstill cache --store` was given.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory to write `cache` and `examples` in.")],
    common: Common,
    console: Console,
) -> None:
    """Fetch a finished cache and its examples from an object store, every byte compared.

    Example: potstill pull s3://bucket/x runs/x
    """
    from pipelines import upkeep
    from pipelines.screen.show import show_manifest

    manifest = upkeep.pull(url, directory, progress=console.progress)
    out = directory / "cache"
    show_manifest(console, out, manifest)
    following = f"potstill train {out} --dev DEV -o {directory / 'student'}"
    console.done("pull", {"out": out, "rows": manifest.rows, "root": manifest.root}, following=following)
