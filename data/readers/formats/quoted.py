"""Read tables with CSV quoting (RFC 4180) → rows: cells may contain delimiters, doubled quotes and line breaks.

The delimiter is a comma, or the one detected in the first lines (see `dialect.py`).
"""

import csv
import shlex
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Self

from data.readers.columns import SAMPLE, has_header, header_names
from data.readers.formats.dialect import csv_delimiter, delimiter_name, spreadsheet_delimiter
from data.readers.formats.lines import LONGEST, numbered_lines
from data.readers.source import SKIP, BadRow, Row, Rows, Source

Lines = Iterator[tuple[int, str]]
Records = Iterator[tuple[int, list[str] | BadRow]]


def read_rows(source: Source) -> Rows:
    """Stream the rows of a CSV file; `Row.line` is the line a row begins on."""
    lines = numbered_lines(source)
    start = list(islice(lines, SAMPLE))
    texts = [line for _, line in start]
    delimiter = csv_delimiter(source, texts)
    if spreadsheet_delimiter(texts):
        start = start[1:]
    about = ["CSV", delimiter_name(delimiter)]
    return Rows(_table(source, quoted_records(source, chain(start, lines), delimiter)), about)


def quoted_records(source: Source, lines: Lines, delimiter: str) -> Records:
    """Split numbered lines into records (line where the record begins, cells)."""
    csv.field_size_limit(LONGEST)
    if source.skip_bad:
        yield from _past_broken(source, lines, delimiter)
        return
    first = next(lines, None)
    if first is None:
        return
    reader = csv.reader((f"{line}\n" for _, line in chain([first], lines)), delimiter=delimiter, strict=True)
    number = first[0]
    try:
        for cells in reader:
            if cells:
                yield number, cells
            number = first[0] + reader.line_num
    except csv.Error as error:
        _broken(source, number, error)


def _past_broken(source: Source, lines: Lines, delimiter: str) -> Records:
    """Split lines into records; after broken quoting go on at the next line: an open quote may swallow many lines."""
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        feed.taken.clear()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield feed.taken[0][0], _broken(source, feed.taken[0][0], error)
            feed.give_back()
            continue
        if cells is None:
            return
        if cells:
            yield feed.taken[0][0], cells


def quoted_rows(source: Source, records: Records, names: Sequence[str]) -> Iterator[Row]:
    """Turn records into rows with column names. A record with another number of cells is a fault."""
    for line, cells in records:
        if isinstance(cells, BadRow):
            yield Row(line, {}, cells)
        elif len(cells) != len(names):
            yield Row(line, {}, _ragged(source, line, cells, names))
        else:
            yield Row(line, dict(zip(names, cells, strict=True)))


def _table(source: Source, records: Records) -> Iterator[Row]:
    first = next(records, None)
    if first is None:
        return
    if isinstance(first[1], BadRow):
        raise first[1].error
    if has_header(source, first[1]):
        names = header_names(source, first[1])
    else:
        names = [str(index) for index in range(len(first[1]))]
        records = chain([first], records)
    yield from quoted_rows(source, records, names)


class _Feed:
    """Feeds lines to the csv module and keeps those of the current row, to begin again after a broken one."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._again: deque[tuple[int, str]] = deque()
        self.taken: list[tuple[int, str]] = []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        item = self._again.popleft() if self._again else next(self._lines)
        self.taken.append(item)
        return f"{item[1]}\n"

    def give_back(self) -> None:
        """Put back the lines of a broken row, except its first one."""
        self._again.extendleft(reversed(self.taken[1:]))


def _broken(source: Source, line: int, error: csv.Error) -> BadRow:
    if "new-line" in str(error):
        path = shlex.quote(str(source.path))
        hint = f"if its lines end as on old Macs: tr '\\r' '\\n' < {path} > FILE.csv"
        return source.bad(line, "carriage return", ": a carriage return inside a cell without quotes", hint=hint)
    hint = "a quote opened here may never be closed; a file without quoting is read with --format tsv"
    return source.bad(line, "broken quoting", f": {error}", hint=hint)


def _ragged(source: Source, line: int, cells: Sequence[str], names: Sequence[str]) -> BadRow:
    return source.bad(
        line,
        "ragged",
        f": {len(cells)} columns, expected {len(names)} ({', '.join(names)})",
        hint=f'a delimiter inside a cell needs quotes around the cell, a quote is written ""; {SKIP}',
    )
