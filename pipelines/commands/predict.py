"""`potstill predict`: label the texts of a file or a pipe."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from data.errors import BAD_DATA
from pipelines.options import Columns, Common, Defaults
from pipelines.screen.console import Console, complain
from pipelines.screen.exits import Ending

if TYPE_CHECKING:
    from pipelines.inputs.asked import Asked

FAILED = "!error"  # the first column of a line that has no answer
NO_BREAKS = str.maketrans("\n\r", "  ")


def predict(
    student: Annotated[Path, typer.Argument(metavar="STUDENT", help="Student directory.")],
    columns: Columns,
    defaults: Defaults,
    common: Common,
    console: Console,
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="Texts; -: one a line from the pipe.")] = "-",
) -> None:
    """Label texts: a line `label, probability, text` for each; with --json one JSON object a line.

    A pair from a pipe is two texts with a tab between. What cannot be answered gives `!error, reason, text` in its
    place, and exit code 65 at the end; with --skip-bad 0.

    Example: echo "a lovely film" | potstill predict runs/x/student
    """
    from pipelines import phases
    from pipelines.recipes import settings

    reading = settings.reading(columns, defaults, alone=True)
    total, failed, first = 0, 0, ""
    for batch in phases.predict(student=student, file=file, reading=reading, progress=console.progress):
        for row, answer in batch:
            console.write(as_json(row, answer) if common.as_json else as_line(row, answer))
            first = first or (row.fault and f"line {row.line}: {row.fault}")
        sys.stdout.flush()
        total, failed = total + len(batch), failed + sum(bool(row.fault) for row, _ in batch)
    if failed:
        what = f"{failed:,} of {total:,} lines have no answer; {first}"
        if not reading.skip_bad:
            complain(Ending(what, f"they are marked {FAILED}; with --skip-bad this is exit code 0", BAD_DATA))
            raise typer.Exit(BAD_DATA)
        console.progress.note(what)
    if file != "-":  # a pipe gets the answers and nothing else
        console.progress.note(f"next: potstill evaluate {student} {file}")


def as_line(row: "Asked", answer: dict[str, Any]) -> str:
    """Write one answer for people and for `cut -f`: label, probability, texts; or score, texts."""
    values = [FAILED, row.fault] if row.fault else [answer[k] for k in ("label", "probability", "score") if k in answer]
    shown = [f"{value:.4f}" if isinstance(value, float) else str(value) for value in values]
    return "\t".join([*shown, *row.texts]).translate(NO_BREAKS)


def as_json(row: "Asked", answer: dict[str, Any]) -> str:
    """Write one answer as a JSON object: the texts, and either the student's answer or the reason why there is none."""
    texts = dict(zip(("text", "pair"), row.texts, strict=False))
    return json.dumps(texts | ({"error": row.fault, "line": row.line} if row.fault else answer), ensure_ascii=False)
