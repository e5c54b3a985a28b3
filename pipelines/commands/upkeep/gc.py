"""`potstill gc`: list files that a cache does not need, and delete them with --delete."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.options import Common
from pipelines.screen.console import Console


def gc(
    directory: Annotated[Path, typer.Argument(metavar="CACHE", help="Directory made by `potstill cache`.")],
    common: Common,
    console: Console,
    delete: Annotated[bool, typer.Option("--delete", help="Remove the files; without it nothing is changed.")] = False,
) -> None:
    """List (or with --delete remove) quarantined files, leftovers of interrupted writers and shards without a record.

    Example: potstill gc runs/x/cache
    """
    from pipelines import upkeep

    garbage = upkeep.gc(directory, delete=delete)
    rows = [{"kind": item.kind, "file": str(item.path.relative_to(directory)), "bytes": item.bytes} for item in garbage]
    total = sum(item.bytes for item in garbage)
    console.table(rows, title=f"{directory}: {len(rows)} files, {total / 1e6:.1f} MB")
    what = {"directory": directory, "files": len(rows), "bytes": total, "deleted": delete}
    following = f"potstill gc {directory} --delete" if rows and not delete else f"potstill verify {directory}"
    console.done("gc", what, following=following)
