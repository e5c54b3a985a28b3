"""Read plain text, one unlabelled text a line → rows with the column `text`."""

from collections.abc import Iterator

from data.readers.formats.lines import numbered_lines
from data.readers.source import Row, Source


def read_rows(source: Source) -> Iterator[Row]:
    """Stream the lines of a file as rows; blank lines are skipped."""
    for number, line in numbered_lines(source):
        if line.strip():
            yield Row(number, {"text": line})
