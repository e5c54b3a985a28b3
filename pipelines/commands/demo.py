"""`potstill demo`: the whole thing on embedded reviews with an offline teacher, in a few minutes."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.options import Common, Force, Settings
from pipelines.screen.console import Console


def demo(
    common: Common,
    console: Console,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Directory of the run.")] = Path("runs/demo"),
    force: Force = False,
    settings: Settings = None,
) -> None:
    """Teach, augment, cache, train and compare on embedded reviews: no download, about six minutes on two cores.

    Example: potstill demo
    """
    from pipelines.recipes import recipe as recipes
    from pipelines.report.gather import gather
    from pipelines.report.sections import models, result
    from pipelines.run import execute

    loaded = recipes.load("demo", settings=settings or [], out=out)
    results = execute(loaded, console, force=force)
    made = gather(loaded.out)
    rows = models.rows_of(made)
    for said in (result.sentence(made, rows), *result.warnings_of(made, rows), f"report: {results['report']}"):
        console.say(said)
    student = loaded.student_dir(list(loaded.arms)[-1])
    following = f'echo "a lovely film" | potstill predict {student}'
    console.done("demo", {"out": loaded.out, **results}, following=following)
