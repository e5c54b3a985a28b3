"""`potstill verify`: compare every byte of a directory with its records."""

from pathlib import Path
from typing import Annotated

import typer

from data.errors import BAD_DATA, PotstillError
from pipelines.options import Common, Moved
from pipelines.screen.console import Console


def verify(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Examples, cache or student directory.")],
    common: Common,
    console: Console,
    against: Annotated[
        int, typer.Option("--against-teacher", metavar="K", help="Also compute K random rows of a cache again.")
    ] = 0,
    teacher: Moved = None,
    seed: Annotated[int, typer.Option("--seed", help="Which random rows.")] = 0,
) -> None:
    """Compare every byte of a directory with its records; exit code 65 and a list where something is wrong.

    Example: potstill verify runs/x/cache --against-teacher 100
    """
    from pipelines import upkeep
    from pipelines.again import command_for

    findings = upkeep.verify(directory, against=against, teacher=teacher, seed=seed, progress=console.progress)
    rows = [{"finding": kind, "what": what} for kind, what in findings]
    console.table(rows, title=f"{directory}: {len(rows)} findings")
    if findings:
        raise PotstillError(
            f"{len(findings)} findings in {directory}, the first: {findings[0][1]}",
            hint=command_for(directory),
            code=BAD_DATA,
        )
    console.say(f"{directory} is clean")
    console.done("verify", {"directory": directory, "findings": rows})
