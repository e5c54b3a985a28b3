"""Class names from a file's own metadata."""

from data.readers.formats import hub, parquet
from data.readers.rows import format_of
from data.readers.source import Source

READERS = {"hub": hub.read_names, "parquet": parquet.read_names}


def class_names(source: Source, column: str) -> tuple[str, ...]:
    """Read the names of a column's class labels, in the order of their ids; () where the file has none."""
    reader = READERS.get(format_of(source))
    return reader(source).get(column, ()) if reader else ()
