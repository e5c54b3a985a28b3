"""Read a Parquet file → rows, a slice of a row group at a time. Columns of lists, bytes and structures are skipped.

The file is not trusted: memory is bounded by the slice, whatever sizes the file claims.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data.errors import BAD_DATA, PotstillError
from data.examples import GROUP_ROWS
from data.guards import parquet as parquet_guard
from data.readers.formats.lines import open_file
from data.readers.formats.named import name_of, names_of
from data.readers.known import KNOWN, LABELS
from data.readers.source import Row, Source

LONGEST = 16 << 20  # bytes of one value: a longer one is no text but a broken file
SLICE = 64 << 20  # bytes that a slice of rows should have, decoded


def read_rows(source: Source) -> Iterator[Row]:
    """Stream the rows of a Parquet file; `Row.line` counts rows from 1. Errors: BAD_DATA, a value over `LONGEST`."""
    path = Path(source.path)
    open_file(source).close()
    names, shared = _columns(source)
    words, listed = read_names(source), _listed_labels(source)
    number = 0
    with parquet_guard.opened(path, read_dictionary=shared) as file:
        for group in range(file.num_row_groups):
            held = file.metadata.row_group(group).num_rows
            size = sum(chunk.bytes for chunk in parquet_guard.measure(path, file, group, names).values())
            rows = max(16, min(GROUP_ROWS, SLICE * max(held, 1) // max(size, 1)))
            for batch in file.iter_batches(rows, row_groups=[group], columns=names, use_threads=False):
                columns = [_values(source, number, name, batch[name]) for name in names]
                for values in zip(*columns, strict=True):
                    number += 1
                    row = dict(zip(names, values, strict=True)) | listed
                    for column in words.keys() & row.keys():
                        row[column] = name_of(row[column], words[column], f"{source.at(number)}, column {column!r}")
                    yield Row(number, row)


def read_names(source: Source) -> dict[str, tuple[str, ...]]:
    """Read the class names in the metadata that `datasets` writes: column -> names in the order of their ids."""
    with parquet_guard.opened(Path(source.path)) as file:
        written = (file.schema_arrow.metadata or {}).get(b"huggingface", b"")
    try:
        features = json.loads(written)["info"]["features"]
        return names_of(features)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # of another form: it names nothing
        return {}


def _listed_labels(source: Source) -> dict[str, list[str]]:
    """Return the label columns that hold lists, with a list as the value of every row: reading it as a label fails."""
    with parquet_guard.opened(Path(source.path)) as file:
        lists = [field.name for field in file.schema_arrow if pa.types.is_nested(field.type)]
    return {name: ["…"] for name in lists if name == source.label or name.casefold() in LABELS}


def _columns(source: Source) -> tuple[list[str], list[str]]:
    """Return the columns to read, and which of them are read as dictionaries: decoded, every row may repeat a megabyte.

    Two columns of one name are not read, and are refused if the name may be one of the wanted columns.
    """
    path = Path(source.path)
    try:
        with parquet_guard.opened(path) as file:
            schema = file.schema_arrow
    except PotstillError as error:
        raise PotstillError(f"{path} is not a Parquet file: {error.message}", code=BAD_DATA) from None
    plain = [field for field in schema if _plain(field.type)]
    single = {field.name: field for field in plain if schema.names.count(field.name) == 1}
    for field in plain:
        if field.name not in single and (field.name in source.asked or field.name.casefold() in KNOWN):
            raise PotstillError(f"{path}: two columns are named {field.name!r}", code=BAD_DATA)
    if not single:
        raise PotstillError(f"{path} has no column of texts or numbers: {', '.join(schema.names)}")
    return list(single), [name for name, field in single.items() if _text(field.type)]


def _values(source: Source, before: int, name: str, column: pa.Array) -> list[Any]:
    """Return a column's values as Python objects; a text in a dictionary is converted once, not for every row."""
    if not pa.types.is_dictionary(column.type):
        _refuse_long(source, before, name, column)
        return column.to_pylist()
    used = column.indices.unique().drop_null()
    texts = column.dictionary.take(used)
    _refuse_long(source, before, name, texts)
    made: dict[int | None, Any] = dict(zip(used.to_pylist(), texts.to_pylist(), strict=True))
    made[None] = None
    return [made[index] for index in column.indices.to_pylist()]


def _refuse_long(source: Source, before: int, name: str, values: pa.Array) -> None:
    if _text(values.type) and (pc.max(pc.binary_length(values)).as_py() or 0) > LONGEST:
        raise PotstillError(
            f"{source.path}: column {name!r} has a value of more than {LONGEST:,} bytes after row {before}",
            hint="split or remove that row",
            code=BAD_DATA,
        )


def _text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _plain(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    checks = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_integer)
    return any(check(kind) for check in (*checks, pa.types.is_floating, pa.types.is_boolean))
