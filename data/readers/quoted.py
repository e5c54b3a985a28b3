"""Comma-separated text with real quoting (RFC 4180): cells may hold commas, doubled quotes and line breaks → rows."""

import csv
from collections.abc import Iterator
from itertools import chain

from data.errors import BAD_DATA, PotstillError
from data.readers.columns import has_header, header_names
from data.readers.lines import numbered_lines
from data.readers.source import Row, Source

CELL_LIMIT = 1 << 27  # bytes; the csv module's own limit of 128 kB is less than a long document


def read_rows(source: Source) -> Iterator[Row]:
    """Stream the rows of a CSV file; `Row.line` is the line a row begins on."""
    records = _records(source)
    first = next(records, None)
    if first is None:
        return
    if has_header(source, first[1]):
        names = header_names(source, first[1])
    else:
        names = [str(index) for index in range(len(first[1]))]
        records = chain([first], records)
    for line, cells in records:
        if len(cells) != len(names):
            raise PotstillError(
                f"{source.at(line)}: {len(cells)} columns, expected {len(names)} ({', '.join(names)})",
                hint='a comma inside a cell needs quotes around the cell, a quote is written ""',
                code=BAD_DATA,
            )
        yield Row(line, dict(zip(names, cells, strict=True)))


def _records(source: Source) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(CELL_LIMIT)
    reader = csv.reader((line + "\n" for _, line in numbered_lines(source)), strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise PotstillError(
            f"{source.at(line)}: {error}",
            hint="a quote opened here may never be closed; a file without quoting is read with --format tsv",
            code=BAD_DATA,
        ) from None
