"""`potstill repair`: make a damaged cache whole again."""

from pathlib import Path
from typing import Annotated

import typer

from data.errors import BAD_DATA, PotstillError
from pipelines.options import Common, Moved
from pipelines.screen.console import Console


def repair(
    directory: Annotated[Path, typer.Argument(metavar="CACHE", help="Directory made by `potstill cache`.")],
    common: Common,
    console: Console,
    teacher: Moved = None,
    examples: Annotated[
        Path | None, typer.Option("--examples", metavar="DIR", help="The examples, if they have moved.")
    ] = None,
) -> None:
    """Set damage aside in quarantine/, adopt stray shards that check out, compute the rest, seal.

    Example: potstill repair runs/x/cache
    """
    from pipelines import upkeep

    done, manifest = upkeep.repair(directory, teacher=teacher, examples=examples, progress=console.progress)
    rows = [{"set aside": name, "why": why} for name, why in done.set_aside.items()]
    console.table(rows, title=f"{directory}: {len(rows)} files set aside, {len(done.adopted)} shards adopted")
    if manifest is None:
        hint = f"potstill repair {directory} -t TEACHER computes what is missing"
        raise PotstillError(f"{directory} is not whole", hint=hint, code=BAD_DATA)
    console.done("repair", {"directory": directory, **vars(done)}, following=f"potstill verify {directory}")
