"""`potstill inspect`: what a directory holds, and for a cache the teacher's predictions."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.options import Common
from pipelines.screen.console import Console

NEXT = {
    "teacher": "potstill cache EXAMPLES -t {} -o DIR",
    "examples": "potstill cache {} -t TEACHER -o DIR",
    "cache": "potstill train {} --dev DEV -o DIR",
    "student": "potstill predict {} FILE",
    "students": "potstill predict {} FILE",
}


def inspect(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Examples, cache, student or teacher directory.")],
    common: Common,
    console: Console,
) -> None:
    """Show what a directory holds; for a cache also agreement with the labels, entropy and confident mistakes.

    Example: potstill inspect runs/x/cache
    """
    from pipelines import upkeep
    from pipelines.screen.show import show_files, show_manifest

    manifest, tables = upkeep.inspect(directory)
    facts = {"kind": manifest.kind, "rows": manifest.rows, "task": manifest.task.kind, "root": manifest.root}
    show_manifest(console, directory, manifest)
    show_files(console, manifest)
    for title, rows in tables.items():
        console.table(rows, title=title)
    following = NEXT.get(manifest.kind, "potstill --help").format(directory)
    console.done("inspect", {"directory": directory, **facts, "tables": tables}, following=following)
