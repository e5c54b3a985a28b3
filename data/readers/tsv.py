"""Tab-separated text as GLUE writes it: no quoting, one row a line, header or none → rows.

A quote is a character like any other: default CSV quoting silently loses 97 of MRPC's 3,667 training rows.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice

from data.errors import BAD_DATA, PotstillError
from data.readers.columns import SAMPLE, has_header, header_names, label_like
from data.readers.lines import numbered_lines
from data.readers.source import Row, Source


def read_rows(source: Source) -> Iterator[Row]:
    """Stream the rows of a TSV file; empty lines are passed over, a ragged row is refused with its line."""
    lines = ((number, line) for number, line in numbered_lines(source) if line)
    start = list(islice(lines, SAMPLE))
    if not start:
        return
    cells = start[0][1].split("\t")
    if has_header(source, cells):
        names, cuts = header_names(source, cells), -1
        start = start[1:]
    else:
        width, cuts = _layout([line for _, line in start])
        names = [str(index) for index in range(width)]
    for number, line in chain(start, lines):
        row = line.split("\t", cuts)
        if len(row) != len(names):
            raise _ragged(source, number, row, names)
        yield Row(number, dict(zip(names, row, strict=True)))


def _layout(lines: list[str]) -> tuple[int, int]:
    """Find (columns, cuts a line) of a file without header from its first lines.

    Label and text, in this order, are cut at the first tab only: further tabs belong to the text.
    """
    width = Counter(line.count("\t") + 1 for line in lines).most_common(1)[0][0]
    label_first = width == 2 and label_like([line.split("\t", 1)[0] for line in lines])
    return width, 1 if label_first else -1


def _ragged(source: Source, number: int, row: list[str], names: list[str]) -> PotstillError:
    return PotstillError(
        f"{source.at(number)}: {len(row)} columns, expected {len(names)} ({', '.join(names)})",
        hint="tabs inside a text must go; a file with quoted cells is read with --format csv",
        code=BAD_DATA,
    )
