"""`potstill report`: a run as one page to read."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.options import Common
from pipelines.screen.console import Console


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Directory of a run.")],
    common: Common,
    console: Console,
) -> None:
    """Write report.md and report.html, one self-contained page with pictures.

    Example: potstill report runs/x
    """
    from pipelines.report.write import write_report

    page = write_report(run)
    console.say(f"report: {page}")
    console.done("report", {"report": page}, following=f"open {page} in a browser")
