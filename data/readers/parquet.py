"""A Parquet file → rows, one row group at a time. Columns of lists, bytes and structures are not read."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import BAD_DATA, PotstillError
from data.examples import GROUP_ROWS, read_groups
from data.readers.lines import open_file
from data.readers.source import Row, Source


def read_rows(source: Source) -> Iterator[Row]:
    """Stream the rows of a Parquet file; `Row.line` counts rows from 1."""
    with open_file(source) as stream:
        try:
            schema = pq.read_schema(stream)
        except pa.ArrowInvalid as error:
            raise PotstillError(f"{source.path} is not a Parquet file: {error}", code=BAD_DATA) from None
    names = [field.name for field in schema if _plain(field.type)]
    if not names:
        raise PotstillError(f"{source.path} has no column of texts or numbers: {', '.join(schema.names)}")
    number = 0
    for group in read_groups(Path(source.path), columns=names):
        for batch in group.to_batches(max_chunksize=GROUP_ROWS):
            for values in batch.to_pylist():
                number += 1
                yield Row(number, values)


def _plain(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    checks = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_integer)
    return any(check(kind) for check in (*checks, pa.types.is_floating, pa.types.is_boolean))
