"""Rows in Parquet files: written whole or not at all, read a row group at a time.

Reading so takes 20 MB flat, where pyarrow's batch readers grow to the whole file.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data import store
from data.errors import BAD_DATA, PotstillError
from data.guards.parquet import opened, read_group


def group_rows(path: Path) -> list[int]:
    """Rows of each row group of a file."""
    with opened(path) as file:
        return _sizes(file)


def read_schema(path: Path) -> pa.Schema:
    """The columns of a file, with what their metadata say."""
    with opened(path) as file:
        return file.schema_arrow


def column_bytes(path: Path, columns: Collection[str]) -> int:
    """Compressed bytes of some columns of a file."""
    with opened(path) as file:
        groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    chunks = (group.column(number) for group in groups for number in range(group.num_columns))
    return sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema.split(".list")[0] in columns)


def read_rows(path: Path, first: int, count: int, columns: list[str]) -> pa.Table:
    """Read the named columns of `count` rows from row `first` on, and of no row group that holds none of them."""
    with opened(path) as file:
        sizes = _sizes(file)
        starts = list(accumulate(sizes, initial=0))
        places = [i for i in range(len(sizes)) if starts[i] < first + count and starts[i + 1] > first]
        table = pa.concat_tables([read_group(path, file, place, columns) for place in places])
    if missing := set(columns) - set(table.column_names):
        raise PotstillError(f"{path} has no column {', '.join(sorted(missing))}", code=BAD_DATA)
    return table.slice(first - starts[places[0]] if places else 0, count)


def read_groups(path: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Read a Parquet file one row group at a time: memory stays flat, where pyarrow's batch readers grow.

    Errors: BAD_DATA for a damaged file, and for one that would decode to more than potstill ever writes.
    """
    with opened(path) as file:
        for group in range(file.num_row_groups):
            yield read_group(path, file, group, columns)


def take_rows(path: Path, rows: np.ndarray, columns: list[str]) -> pa.Table:
    """Read the rows with these numbers, in this order, from a Parquet file; only row groups that hold one are read."""
    tables, where, start = [], np.zeros(len(rows), np.int64), 0
    with opened(path) as file:
        ends = np.cumsum(_sizes(file))
        groups = np.searchsorted(ends, rows, side="right")
        if len(rows) and groups.max() >= len(ends):
            raise PotstillError(f"{path} has {file.metadata.num_rows} rows, fewer than asked of it", code=BAD_DATA)
        for group in np.unique(groups):
            chosen = np.flatnonzero(groups == group)
            first = ends[group - 1] if group else 0
            table = read_group(path, file, int(group), columns)
            tables.append(table.take(pa.array(rows[chosen] - first)))
            where[chosen] = np.arange(start, start + len(chosen))
            start += len(chosen)
    return pa.concat_tables(tables).take(pa.array(where))


@contextmanager
def parquet_writer(path: Path, schema: pa.Schema, *, vectors: tuple[str, ...] = ()) -> Iterator[pq.ParquetWriter]:
    """Open a Parquet writer whose file appears at `path` only if the block ends without an exception.

    Texts and ids are compressed by zstd, with a dictionary where it helps; `vectors` names wide binary columns, which
    are stored uncompressed: zstd saves 7.5 % of them and makes reads 4x slower. Page checksums are on: without them
    9 of 10 flipped bits are read as wrong numbers without an error.
    """
    compression = {_leaf(schema, name): "NONE" if name in vectors else "ZSTD" for name in schema.names}
    plain = [name for name in schema.names if name not in vectors and pa.types.is_string(schema.field(name).type)]
    with (
        store.replacing(path) as tmp,
        pq.ParquetWriter(
            tmp,
            schema,
            compression=compression,
            use_dictionary=[name for name in plain if name in ("op", "split", "status", "source_id")],
            write_statistics=plain,
            write_page_checksum=True,
        ) as writer,
    ):
        yield writer


def _sizes(file: pq.ParquetFile) -> list[int]:
    return [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)]


def _leaf(schema: pa.Schema, name: str) -> str:
    """Return the name of a column's values in Parquet: pyarrow's options ignore a list column's own name."""
    return f"{name}.list.element" if pa.types.is_list(schema.field(name).type) else name
