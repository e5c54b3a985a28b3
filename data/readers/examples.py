"""Read a source as examples: (source, task) → stream of `Example`; and find the task of a labelled source.

Bad rows are refused with file, line and what was expected: a text that is empty, contains the mask sentinel or cannot
be stored as UTF-8, an unknown label.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from shlex import quote
from typing import Any

from data.errors import BAD_DATA, PotstillError
from data.example import Example, Label, example_id
from data.labels.cells import Tally
from data.labels.meaning import NOTHING, LabelColumn, decide
from data.labels.names import id_names, label_reader
from data.readers.class_names import class_names
from data.readers.columns import Columns
from data.readers.opened import Opened, open_source
from data.readers.said import FileReport, FileTally
from data.readers.source import JOIN, SKIP, Row, Source
from data.readers.texts import Unusable, text_of
from data.tasks.task import Task, without_names


def columns_of(source: Source, *, pair: bool = False) -> Columns:
    """Find which columns hold text, pair and label. pair: whether the task needs two texts."""
    return _opened(source, pair=pair)[0]


def find_task(
    source: Source, *, kind: str | None = None, labels: tuple[str, ...] | None = None
) -> tuple[Task, LabelColumn]:
    """Read a labelled source once; return its task and what its label column holds.

    `kind` and `labels` (the classes, in the order of the logits) are used if given. Otherwise the classes are those
    of `source.label_names` or of the file's metadata, in the order of their ids, or else those that occur in the
    column; see `data.labels.meaning.decide`.
    """
    columns, rows = _opened(source)
    pair = columns.pair is not None
    scores = without_names(kind)
    if scores and (labels or source.label_names):
        raise PotstillError(f"a {kind} task has scores, no classes to name", hint="leave out --labels, --label-names")
    if labels or scores:
        task = Task(kind or "classify", labels or (), pair)  # what is wrong with them is told before the file is read
    if columns.label is None:
        if not (labels or scores):
            raise PotstillError(
                f"{source.path} has no label column: its task cannot be told",
                hint=_label_hint(columns, next(rows)),
                code=BAD_DATA,
            )
        return task, LabelColumn(NOTHING, unlabelled=sum(1 for _ in rows))
    named = id_names(source.label_names or ())
    classes = labels or (None if named or scores else class_names(source, columns.label)) or None
    where = f"{source.path}: column {columns.label!r}"
    found = decide(_count(source, columns.label, rows), kind=kind, classes=classes, names=named, where=where)
    return Task(kind or found.kind, found.classes, pair), found


def read(
    source: Source,
    task: Task,
    *,
    split: str,
    role: str = "",
    first: int = 0,
    tell: Callable[[FileReport], object] | None = None,
) -> Iterator[Example]:
    """Stream a source as examples of `task`. With split "unlabelled", labels are ignored.

    The columns are found and checked before this returns, each row when it is read.

    role   name of the file's purpose for the report; default: the split
    first  read only so many rows; 0: all
    tell   called with a `FileReport` after the last row
    """
    opened = open_source(source, pair=task.pair)
    if task.pair != (opened.columns.pair is not None):
        raise _other_texts(source, opened.columns, opened.names)
    label = None if split == "unlabelled" else opened.columns.label
    opened = replace(opened, columns=replace(opened.columns, label=label))
    ids = {name: str(number) for number, name in enumerate(class_names(source, label))} if label else {}
    parse = label_reader(task, id_names(source.label_names or ()), ids)
    tally = FileTally(task)
    examples = islice(_examples(source, task.kind, opened, (split, parse), tally), first or None)

    def told() -> Iterator[Example]:
        yield from examples
        if tell:
            tell(tally.report(source, {"role": role or split, "first": first} | opened.described()))

    return told()


def _opened(source: Source, *, pair: bool = False) -> tuple[Columns, Iterator[Row]]:
    """Open a source once; return its columns and its usable rows."""
    opened = open_source(source, pair=pair)
    return opened.columns, (row for row in opened.rows if row.fault is None)


def _label_hint(columns: Columns, row: Row) -> str:
    """Make the hint for a missing label column: an option with a column that may hold labels."""
    others = [name for name in row.values if name not in (*columns.texts, *columns.pairs)]
    shortest = min(others, key=lambda name: len(str(row.values[name])), default="")
    say = f"say --label {quote(shortest)}" if others else "no column besides the text"
    return f"columns: {', '.join(row.values)}; {say}"


def _other_texts(source: Source, columns: Columns, names: list[str]) -> PotstillError:
    """Make the error of a file with one text a row for a task of pairs, or the other way round."""
    listed = f"columns: {', '.join(map(str, names))}"
    if columns.pair:
        has, wants = f"pairs of texts ({columns.text}, {columns.pair})", "one text a row"
        hint = f"{listed}; joined to one text: --text {quote(f'{columns.text}{JOIN}{columns.pair}')}"
    else:
        others = [name for name in names if name not in (columns.text, columns.label)]
        has, wants = f"one text ({columns.text}) a row", "pairs of texts"
        hint = (
            f"{listed}; say --text {quote(columns.text)} --pair {quote(others[0])}"
            if others
            else f"{listed}: no second text"
        )
    return PotstillError(f"{source.path} has {has}, the task has {wants}", hint=hint)


def _examples(
    source: Source,
    kind: str,
    opened: Opened,
    how: tuple[str, Callable[[Any], Label | None]],
    tally: FileTally,
) -> Iterator[Example]:
    """Turn rows into examples and count them; with `skip_bad`, unusable rows are counted and left out.

    how: the split of the rows, and the function that reads a label
    """
    columns, (split, parse) = opened.columns, how
    for row in opened.rows:
        if row.fault is not None:
            tally.skip(row.fault)
            continue
        try:
            text = text_of(source, row, columns.texts)
            pair = None if columns.pair is None else text_of(source, row, columns.pairs)
            label = None if columns.label is None else _label(source, row, columns.label, parse)
        except Unusable as error:
            tally.skip(error.bad)
            continue
        tally.add(label)
        yield Example(example_id(kind, text, pair), text, pair, None, label, split)


def _label(source: Source, row: Row, column: str, parse: Callable[[Any], Any]) -> Any:
    try:
        return parse(row.values[column])
    except ValueError as error:
        what, *hint = error.args
        message = f", column {column!r} {what}"
        raise Unusable(source.bad(row.line, "unknown label", message, hint="; ".join([*hint, SKIP]))) from None


def _count(source: Source, column: str, rows: Iterator[Row]) -> Tally:
    """Count the cells of the label column. Errors: a list, with its line."""
    found = Tally()
    for row in rows:
        try:
            _label(source, row, column, found.add)
        except Unusable:  # counted when it is read
            continue
    return found
