"""A source as examples of a task: (source, task) → stream of `Example`; and the task a labelled source is for.

Whatever is wrong is refused with file, line and what was expected: a text that is empty, holds the mask sentinel or
cannot be stored as UTF-8, a label the task does not know.
"""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from data.errors import BAD_DATA, PotstillError
from data.example import MASK, Example, Label, example_id
from data.readers.columns import FEW, SAMPLE, Columns, number, resolve
from data.readers.rows import rows_of
from data.readers.source import Row, Source
from data.tasks.task import Task

MOST_LABELS = 1_000  # more than these are not classes but texts or ids
NO_LABEL = ("", "-")  # an empty cell; SNLI and MNLI write "-" where the annotators did not agree


def columns_of(source: Source) -> Columns:
    """Find which columns hold text, pair and label."""
    return _opened(source)[0]


def infer_task(source: Source, *, kind: str | None = None, labels: tuple[str, ...] | None = None) -> Task:
    """Find out what a labelled source is for, reading it once.

    Labels that are numbers with a decimal point, or more than 20 different numbers, make `regress`; all others make
    `classify` with the names sorted, as numbers where all are numbers. `kind` and `labels` are taken as given.
    """
    columns, rows = _opened(source)
    pair = columns.pair is not None
    if kind == "regress" or labels:
        return Task(kind or "classify", labels or (), pair)
    if columns.label is None:
        raise PotstillError(
            f"{source.path} has no label column: its task cannot be told",
            hint=f"columns: {', '.join(next(rows).values)}; say --label NAME",
            code=BAD_DATA,
        )
    found = _distinct_labels(rows, columns.label)
    numeric = all(number(name) is not None for name in found)
    if kind is None and numeric and (len(found) > FEW or not all(_whole(name) for name in found)):
        return Task("regress", (), pair)
    return Task(kind or "classify", _class_names(source, columns.label, found, numeric), pair)


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
    return _examples(source, task, Columns(columns.text, columns.pair, label), rows, split)


def _opened(source: Source) -> tuple[Columns, Iterator[Row]]:
    """Open a source once: its columns and all its rows (so a pipe can be read too)."""
    rows = rows_of(source)
    sample = list(islice(rows, SAMPLE))
    return resolve(source, sample), chain(sample, rows)


def _examples(source: Source, task: Task, columns: Columns, rows: Iterator[Row], split: str) -> Iterator[Example]:
    kind = task.kind
    for row in rows:
        text = _text(source, row, columns.text)
        pair = None if columns.pair is None else _text(source, row, columns.pair)
        label = None if columns.label is None else _label(source, row, columns.label, task)
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


def _label(source: Source, row: Row, column: str, task: Task) -> Label | None:
    name = _name(row.values[column])
    if name is None:
        return None
    try:
        return task.rules.parse_label(name, task.labels)
    except ValueError as error:
        raise _wrong(source, row, column, str(error)) from None


def _name(value: Any) -> str | None:
    """Spell a raw label: None where there is none. 1.0 is "1", as pandas stores whole labels beside missing ones."""
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    name = str(value).strip()
    return None if name in NO_LABEL else name


def _distinct_labels(rows: Iterator[Row], column: str) -> set[str]:
    """Collect label names; numbers without end are cut off, since a few more than `FEW` already make regress."""
    found: set[str] = set()
    for row in rows:
        name = _name(row.values[column])
        if name is not None:
            found.add(name)
            if len(found) > MOST_LABELS:
                break
    return found


def _class_names(source: Source, column: str, found: set[str], numeric: bool) -> tuple[str, ...]:
    if not 1 < len(found) <= MOST_LABELS:
        what = f"more than {MOST_LABELS} different labels" if found and len(found) > 1 else f"labels {sorted(found)}"
        raise PotstillError(
            f"{source.path}: column {column!r} holds {what}, expected 2 to {MOST_LABELS} classes",
            hint="say --label NAME, or a data file with every class",
            code=BAD_DATA,
        )
    return tuple(sorted(found, key=float) if numeric else sorted(found))


def _whole(name: str) -> bool:
    return name.lstrip("+-").isdigit()


def _wrong(source: Source, row: Row, column: str, what: str) -> PotstillError:
    return PotstillError(f"{source.at(row.line)}, column {column!r} {what}", code=BAD_DATA)
