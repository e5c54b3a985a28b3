"""`potstill predict`: label the texts of a file or a pipe."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from data.errors import BAD_DATA, PotstillError
from pipelines.console import Console
from pipelines.options import Columns, Common, Defaults

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
    import json

    from pipelines import phases, settings
    from student_train.student import Student

    model = Student.load(phases.seeds_of(student)[0])
    texts = piped(sys.stdin) if file == "-" else read(settings.reading(columns, defaults), file, model.task)
    for rows in batches(texts):
        pairs = [pair for _, pair in rows] if model.task.pair else None
        for row, answer in zip(rows, model.predict([text for text, _ in rows], pairs), strict=True):
            given = {"text": row[0]} | ({"pair": row[1]} if model.task.pair else {})
            console.write(json.dumps(given | answer, ensure_ascii=False) if common.as_json else line(row, answer))


def piped(stream: Any) -> Iterator[tuple[str, str | None]]:
    """Read one text, or two with a tab between, from each line that is not blank."""
    for text in stream:
        if text.strip():
            first, tab, second = text.strip("\n").partition("\t")
            yield first, second if tab else None


def read(reading: Any, file: str, task: Any) -> Iterator[tuple[str, str | None]]:
    """Read the texts of a file; its labels are not looked at."""
    from data.readers.examples import read as examples

    source = reading.unlabelled(file)
    return ((example.text, example.pair) for example in examples(source, task, split="unlabelled"))


def batches(texts: Iterator[tuple[str, str | None]]) -> Iterator[list[tuple[str, str | None]]]:
    """Cut the stream for the model."""
    from data.examples import chunks

    return chunks(texts, BATCH)


def line(row: tuple[str, str | None], answer: dict[str, Any]) -> str:
    """Write one answer for people and for `cut -f`."""
    score = answer.get("score")
    shown = [str(answer.get("label")), *([f"{score:.4f}"] if isinstance(score, float) else [])]
    return "\t".join([*shown, *(text for text in row if text is not None)])


def refuse_single(texts: list[tuple[str, str | None]]) -> None:
    """A pair student needs two texts a line."""
    for number, (text, pair) in enumerate(texts, start=1):
        if pair is None:
            raise PotstillError(
                f"line {number} holds one text, this student reads pairs: {text[:60]!r}",
                hint="put a tab between the two texts",
                code=BAD_DATA,
            )
