"""`potstill predict`: label the texts of a file or a pipe."""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from data.errors import BAD_DATA, PotstillError
from pipelines.console import Console
from pipelines.options import Columns, Common, Defaults

if TYPE_CHECKING:
    from data.tasks.task import Task
    from pipelines.inputs import Reading

Row = tuple[str, str | None]  # the text, and the second one of a pair
BATCH = 256


def predict(
    student: Annotated[Path, typer.Argument(metavar="STUDENT", help="Student directory.")],
    columns: Columns,
    defaults: Defaults,
    common: Common,
    console: Console,
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="Texts; -: one a line from the pipe.")] = "-",
) -> None:
    """Label texts: a line `label, probability, text` for each; with --json one JSON object a line.

    A pair from a pipe is two texts with a tab between.

    Example: echo "a lovely film" | potstill predict runs/x/student
    """
    from data.examples import chunks
    from pipelines import settings
    from student_train.student import Student

    model = Student.load(student)
    rows = piped(sys.stdin) if file == "-" else read(settings.reading(columns, defaults), file, model.task)
    if model.task.pair:
        rows = both(rows)
    for chunk in chunks(rows, BATCH):
        pairs = [pair or "" for _, pair in chunk] if model.task.pair else None
        for row, answer in zip(chunk, model.predict([text for text, _ in chunk], pairs), strict=True):
            console.write(as_json(row, answer) if common.as_json else as_line(row, answer))
    if file != "-":  # a pipe gets the answers and nothing else
        console.progress.note(f"next: potstill evaluate {student} {file}")


def piped(stream: Iterable[str]) -> Iterator[Row]:
    """Read one text, or two with a tab between, from each line that is not blank."""
    for text in stream:
        if text.strip():
            first, tab, second = text.strip("\n").partition("\t")
            yield first, second if tab else None


def read(reading: "Reading", file: str, task: "Task") -> Iterator[Row]:
    """Read the texts of a file; its labels are not looked at."""
    from data.readers.examples import read as examples

    return ((example.text, example.pair) for example in examples(reading.unlabelled(file), task, split="unlabelled"))


def both(rows: Iterator[Row]) -> Iterator[Row]:
    """Refuse a row with one text, for a student that reads pairs."""
    for number, (text, pair) in enumerate(rows, start=1):
        if pair is None:
            raise PotstillError(
                f"text {number} stands alone, this student reads pairs: {text[:60]!r}",
                hint="put a tab between the two texts of a line",
                code=BAD_DATA,
            )
        yield text, pair


def as_line(row: Row, answer: dict[str, Any]) -> str:
    """Write one answer for people and for `cut -f`: label, probability, texts; or score, texts."""
    values = (answer[key] for key in ("label", "probability", "score") if key in answer)
    shown = (f"{value:.4f}" if isinstance(value, float) else str(value) for value in values)
    return "\t".join([*shown, *(text for text in row if text is not None)])


def as_json(row: Row, answer: dict[str, Any]) -> str:
    """Write one answer as a JSON object: the texts and all that the student says."""
    texts = {"text": row[0]} | ({} if row[1] is None else {"pair": row[1]})
    return json.dumps(texts | answer, ensure_ascii=False)
