"""A source as examples of a task: (source, task) → stream of `Example`; and the task a labelled source is for.

Whatever is wrong is refused with file, line and what was expected: a text that is empty, holds the mask sentinel or
cannot be stored as UTF-8, a label the task does not know.
"""

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any

from data.errors import BAD_DATA, PotstillError
from data.example import MASK, Example, Label, example_id
from data.label_cells import Tally
from data.label_names import id_names, label_reader
from data.labels import NOTHING, LabelColumn, decide
from data.readers.class_names import class_names
from data.readers.columns import SAMPLE, Columns, resolve
from data.readers.rows import rows_of
from data.readers.source import Row, Source
from data.tasks.task import Task


def columns_of(source: Source) -> Columns:
    """Find which columns hold text, pair and label."""
    return _opened(source)[0]


def infer_task(source: Source, *, kind: str | None = None, labels: tuple[str, ...] | None = None) -> Task:
    """Find out what a labelled source is for, reading it once; see `find_task`."""
    return find_task(source, kind=kind, labels=labels)[0]


def find_task(
    source: Source, *, kind: str | None = None, labels: tuple[str, ...] | None = None
) -> tuple[Task, LabelColumn]:
    """Find out what a labelled source is for, and what its label column holds, reading it once.

    `kind` and `labels` (the classes, in the order of the logits) are taken as given. Otherwise the classes are those
    that `source.label_names` or the file's metadata names, in the order of their ids, or else those that occur; see
    `data.labels.decide`.
    """
    columns, rows = _opened(source)
    pair = columns.pair is not None
    if kind == "regress" and (labels or source.label_names):
        raise PotstillError("a regress task has scores, no classes to name", hint="leave out --labels, --label-names")
    if labels or kind == "regress":
        task = Task(kind or "classify", labels or (), pair)  # what is wrong with them is told before the file is read
    if columns.label is None:
        if not (labels or kind == "regress"):
            raise PotstillError(
                f"{source.path} has no label column: its task cannot be told",
                hint=f"columns: {', '.join(next(rows).values)}; say --label NAME",
                code=BAD_DATA,
            )
        return task, LabelColumn(NOTHING, unlabelled=sum(1 for _ in rows))
    named = id_names(source.label_names or ())
    classes = labels or (None if named or kind == "regress" else class_names(source, columns.label)) or None
    where = f"{source.path}: column {columns.label!r}"
    found = decide(_count(source, columns.label, rows), kind=kind, classes=classes, names=named, where=where)
    return Task(kind or found.kind, found.classes, pair), found


def read(source: Source, task: Task, *, split: str) -> Iterator[Example]:
    """Stream a source as examples of `task`. With split "unlabelled", labels are not looked at.

    The columns are found and checked at once, the rows as they are drawn.
    """
    columns, rows = _opened(source)
    if task.pair != (columns.pair is not None):
        has = f"pairs of texts ({columns.text}, {columns.pair})" if columns.pair else f"one text ({columns.text}) a row"
        wants = "pairs of texts" if task.pair else "one text a row"
        names = ", ".join(map(str, next(rows).values))
        raise PotstillError(
            f"{source.path} has {has}, the task has {wants}", hint=f"columns: {names}; options: --text, --pair"
        )
    label = None if split == "unlabelled" else columns.label
    ids = {name: str(number) for number, name in enumerate(class_names(source, label))} if label else {}
    parse = label_reader(task, id_names(source.label_names or ()), ids)
    return _examples(source, task, Columns(columns.text, columns.pair, label), rows, (split, parse))


def _opened(source: Source) -> tuple[Columns, Iterator[Row]]:
    """Open a source once: its columns and all its rows (so a pipe can be read too)."""
    rows = rows_of(source)
    sample = list(islice(rows, SAMPLE))
    return resolve(source, sample), chain(sample, rows)


def _examples(
    source: Source, task: Task, columns: Columns, rows: Iterator[Row], how: tuple[str, Callable[[Any], Label | None]]
) -> Iterator[Example]:
    """how: the split of the rows, and the function that reads a label."""
    kind, (split, parse) = task.kind, how
    for row in rows:
        text = _text(source, row, columns.text)
        pair = None if columns.pair is None else _text(source, row, columns.pair)
        label = None if columns.label is None else _label(source, row, columns.label, parse)
        yield Example(example_id(kind, text, pair), text, pair, None, label, split)


def _text(source: Source, row: Row, column: str) -> str:
    value = row.values[column]
    if not isinstance(value, str):
        raise _wrong(source, row, column, f"holds {value!r}, expected a text")
    text = value.strip()
    if not text:
        raise _wrong(source, row, column, "is empty, expected a text")
    if MASK in text:
        raise _wrong(source, row, column, f"holds {MASK}, which stands for a masked word")
    if not text.isascii():
        _check_storable(source, row, column, text)
    return text


def _check_storable(source: Source, row: Row, column: str, text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _wrong(source, row, column, f"holds half a character ({text[error.start]!r})") from None


def _label(source: Source, row: Row, column: str, parse: Callable[[Any], Any]) -> Any:
    try:
        return parse(row.values[column])
    except ValueError as error:
        what, *hint = error.args
        raise _wrong(source, row, column, str(what), *hint) from None


def _count(source: Source, column: str, rows: Iterator[Row]) -> Tally:
    """Count the cells of the label column; a list is refused with its line."""
    found = Tally()
    for row in rows:
        _label(source, row, column, found.add)
    return found


def _wrong(source: Source, row: Row, column: str, what: str, hint: str = "") -> PotstillError:
    return PotstillError(f"{source.at(row.line)}, column {column!r} {what}", hint=hint, code=BAD_DATA)
