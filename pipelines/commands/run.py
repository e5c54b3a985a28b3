"""`potstill run`: all phases of a recipe, in order; what is finished and unchanged is skipped."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.options import Common, Force, Settings
from pipelines.screen.console import Console


def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A TOML file, or the name of a bundled recipe.")],
    common: Common,
    console: Console,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="DIR", help="Directory of the run.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    force: Force = False,
    settings: Settings = None,
) -> None:
    """Run all phases of a recipe; a finished and unchanged phase is skipped, a changed one stops with code 78.

    Example: potstill run sst2 --set data.root=data/sst2 --set augment.n_iter=10
    """
    from pipelines.auto.kept import load
    from pipelines.run import execute, show_choices, show_plan

    loaded, chosen = load(recipe, settings=settings or [], out=out, force=force, progress=console.progress)
    show_choices(chosen, console)
    if dry_run:
        show_plan(loaded, console)
        return
    results = execute(loaded, console, chosen=chosen, force=force)
    console.say(f"report: {results['report']}")
    console.done("run", {"out": loaded.out, **results}, following=f"potstill inspect {loaded.out / 'cache'}")
