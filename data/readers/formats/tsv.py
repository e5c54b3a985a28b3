"""Read tab-separated text → rows: one row a line, with or without a header, unquoted as in GLUE.

A quote is a character like any other: CSV quoting would silently lose 97 of MRPC's 3,667 training rows. Only if all
quotes in the first lines that have one follow the rules of quoting (see `dialect.py`; pandas and spreadsheets write
such files), cells are unquoted. `--format tsv` turns that off, `--format csv` on.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, dropwhile, islice

from data.readers.columns import SAMPLE, has_header, header_names, label_like
from data.readers.formats.dialect import WINDOW, delimiter_name, looks_quoted, spreadsheet_delimiter, tsv_delimiter
from data.readers.formats.lines import numbered_lines
from data.readers.formats.quoted import Lines, quoted_records, quoted_rows
from data.readers.source import SKIP, BadRow, Row, Rows, Source

QUOTE = '"'


def read_rows(source: Source) -> Rows:
    """Stream the rows of a TSV file. Empty lines are skipped; a row with another number of cells is a fault."""
    lines = numbered_lines(source)
    start = list(islice(lines, SAMPLE))
    texts = [line for _, line in start if line]
    delimiter = tsv_delimiter(source, texts)
    if spreadsheet_delimiter(texts):
        start = [item for item in start if item[1]][1:]
    start = list(dropwhile(lambda item: not item[1], start))
    about = ["TSV"] if delimiter == "\t" else ["text table", delimiter_name(delimiter)]
    return Rows(_Table(source, delimiter, about).rows(start, lines), about)


class _Table:
    """Splits the lines of one file: by the delimiter, and from the first real quoting on as CSV."""

    def __init__(self, source: Source, delimiter: str, about: list[str]) -> None:
        self.source = source
        self.delimiter = delimiter
        self.about = about

    def rows(self, start: list[tuple[int, str]], lines: Lines) -> Iterator[Row]:
        """Detect header and columns in the first lines, then stream all rows."""
        if not start:
            return
        cells = start[0][1].split(self.delimiter)
        if QUOTE in start[0][1]:  # a quoted name is a name
            cells = [cell[1:-1] if cell[:1] == cell[-1:] == QUOTE else cell for cell in cells]
        if has_header(self.source, cells):
            names, cuts = header_names(self.source, cells), -1
            start = start[1:]
        else:
            width, cuts = _layout([line for _, line in start if line], self.delimiter)
            names = [str(index) for index in range(width)]
        watched = self.source.format != "tsv"
        yield from self._cut(chain(start, lines), names, cuts, watched=watched)

    def _cut(self, lines: Lines, names: list[str], cuts: int, *, watched: bool) -> Iterator[Row]:
        """Split line by line; at the first quote, if `watched`, detect whether cells are quoted."""
        delimiter, width = self.delimiter, len(names)
        for number, line in lines:
            if watched and QUOTE in line:
                yield from self._from_quote(number, line, lines, names, cuts)
                return
            if not line:
                continue
            row = line.split(delimiter, cuts)
            if len(row) != width:
                yield Row(number, {}, _ragged(self.source, number, row, names))
            else:
                yield Row(number, dict(zip(names, row)))  # noqa: B905  (lengths were compared)

    def _from_quote(self, number: int, line: str, lines: Lines, names: list[str], cuts: int) -> Iterator[Row]:
        window = [(number, line), *islice(lines, WINDOW - 1)]
        lines = chain(window, lines)
        if looks_quoted([text for _, text in window], self.delimiter, len(names)):
            self.about.append("quoted cells")
            yield from quoted_rows(self.source, quoted_records(self.source, lines, self.delimiter), names)
        else:
            yield from self._cut(lines, names, cuts, watched=False)


def _layout(lines: list[str], delimiter: str) -> tuple[int, int]:
    """Detect (columns, splits a line) of a file without header from its first lines.

    A line of a label and a text is split at the first tab only: further tabs belong to the text.
    """
    width = Counter(line.count(delimiter) + 1 for line in lines).most_common(1)[0][0]
    label_first = width == 2 and label_like([line.split(delimiter, 1)[0] for line in lines])
    return width, 1 if label_first else -1


def _ragged(source: Source, number: int, row: Sequence[str], names: Sequence[str]) -> BadRow:
    quoted = "cells with quotes around them are read with --format csv --delimiter tab; "
    return source.bad(
        number,
        "ragged",
        f": {len(row)} columns, expected {len(names)} ({', '.join(names)})",
        hint=f"tabs inside a text must go; {quoted if any(cell.startswith(QUOTE) for cell in row) else ''}{SKIP}",
    )
