"""Read an untrusted Parquet file in bounded memory: page sizes are measured before anything is decoded.

A file may be made to exhaust memory: 1 kB may claim a billion rows, a page of 200 kB may unpack to 2 GB, and a text of
1 MB in a dictionary may be repeated in every row. The sizes in the footer may be wrong, so the headers of the pages
are read too (a few microseconds each), and texts in dictionaries are decoded a slice at a time.
"""

import mmap
import operator
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import BAD_DATA, PotstillError
from data.guards.thrift import read_struct
from data.guards.untrusted import open_regular

MAX_PAGE = 256 << 20  # bytes of one page, unpacked; writers make pages of 1 MB, of one row where a row is larger
MAX_GROUP_ROWS = 1 << 17  # rows of a row group in potstill's own directories, which are written with 8,192
MAX_GROUP = 1 << 30  # bytes of the chosen columns of such a row group, decoded
MAX_VALUES = 1 << 27  # list elements of a row group
# Hidden states of long texts exceed these limits, but are stored uncompressed: data that is as large on disk as in
# memory is no attack.
HONEST = 4
SLICE_ROWS = 256
DICTIONARY_PAGE = 2
# Numbers of the footer's fields: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
ROW_GROUPS, COLUMNS, META = 4, 1, 3
PATH, VALUES, SIZE, DATA, DICTIONARY = 3, 5, 7, 9, 11


@dataclass(frozen=True)
class Chunk:
    """Sizes of one column of one row group, from its page headers: bytes decompressed, bytes as stored, and bytes of
    its dictionary, decompressed (0: none).
    """

    bytes: int
    stored: int
    dictionary: int


class Stored(NamedTuple):
    """One column of one row group, as the footer claims: name, number of values, offset, bytes."""

    name: str
    values: int
    start: int
    bytes: int


@contextmanager
def opened(path: Path, **options: Any) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file for a block; damage found while it is opened or read is BAD_DATA with the file's name."""
    os.close(open_regular(path))
    try:
        with pq.ParquetFile(
            path, memory_map=True, pre_buffer=False, page_checksum_verification=True, **options
        ) as file:
            yield file
    except (pa.ArrowException, OSError, ValueError, MemoryError, OverflowError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise PotstillError(f"{path} cannot be read: {first}", code=BAD_DATA) from None


def measure(path: Path, file: pq.ParquetFile, group: int, columns: list[str] | None) -> dict[str, Chunk]:
    """Measure the chosen columns of a row group by the headers of its pages; refuse a page of more than `MAX_PAGE`."""
    found = {}
    stored = stored_columns(path)
    if len(stored) != file.num_row_groups:
        raise _bad(path, f"its footer has {len(stored)} row groups and {file.num_row_groups}")
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for column in stored[group]:
            if columns is None or column.name.partition(".")[0] in columns:
                if column.values > MAX_VALUES:
                    raise _bad(path, f"column {column.name} of row group {group} claims {column.values:,} values")
                found[column.name] = _measure(path, content, column)
    return found


def stored_columns(path: Path) -> list[list[Stored]]:
    """Read from the footer where the columns of each row group lie.

    Not by pyarrow: it crashes the process where a column contradicts the schema.
    """
    about = path.stat()
    return _stored(path.resolve(), about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)


@lru_cache(maxsize=1024)
def _stored(path: Path, *about: int) -> list[list[Stored]]:
    """Read the footer, once a process: some 3 ms for five columns and eight row groups."""
    with path.open("rb") as stream:
        stream.seek(max(0, about[1] - 8))
        length = int.from_bytes(stream.read(4), "little")
        stream.seek(max(0, about[1] - 8 - length))
        footer = stream.read(min(length, about[1]))
    try:
        groups = read_struct(footer, 0)[0][ROW_GROUPS]
        return [[_column(column[META]) for column in group[COLUMNS]] for group in groups]
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, UnicodeDecodeError):
        raise _bad(path, "its footer cannot be read") from None


def _column(meta: dict[int, Any]) -> Stored:
    numbers = (meta[VALUES], meta.get(DICTIONARY, 0), meta[DATA], meta[SIZE])
    values, dictionary, data, size = map(operator.index, numbers)
    return Stored(b".".join(meta[PATH]).decode("utf-8"), values, min(at for at in (dictionary, data) if at), size)


def read_group(path: Path, file: pq.ParquetFile, group: int, columns: list[str] | None) -> pa.Table:
    """Read a row group of one of our own directories, in bounded memory."""
    rows = file.metadata.row_group(group).num_rows
    if not 0 <= rows <= MAX_GROUP_ROWS:
        raise _bad(path, f"row group {group} claims {rows:,} rows, above {MAX_GROUP_ROWS:,}")
    chunks = measure(path, file, group, columns).values()
    total = sum(chunk.bytes for chunk in chunks)
    if total > max(MAX_GROUP, HONEST * sum(chunk.stored for chunk in chunks)):
        raise _bad(path, f"row group {group} holds {total:,} bytes, above {MAX_GROUP:,}")
    if rows * sum(chunk.dictionary for chunk in chunks) <= MAX_GROUP:
        table = file.read_row_group(group, columns=columns, use_threads=False)
    else:
        table = _in_slices(path, file, group, columns)
    if table.num_rows != rows:
        raise _bad(path, f"row group {group} has {table.num_rows:,} rows, claims {rows:,}")
    return table


def _in_slices(path: Path, file: pq.ParquetFile, group: int, columns: list[str] | None) -> pa.Table:
    """Decode a row group a few rows at a time, and stop when it grows beyond `MAX_GROUP`."""
    batches, total = [], 0
    for batch in file.iter_batches(SLICE_ROWS, row_groups=[group], columns=columns, use_threads=False):
        total += batch.nbytes
        if total > MAX_GROUP:
            raise _bad(path, f"row group {group} decodes to more than {MAX_GROUP:,} bytes")
        batches.append(batch)
    return pa.Table.from_batches(batches, schema=batches[0].schema if batches else file.schema_arrow)


def _measure(path: Path, content: mmap.mmap, column: Stored) -> Chunk:
    """Walk the pages of one column chunk."""
    at = column.start
    end = min(at + column.bytes, len(content))
    total = stored = dictionary = 0
    while 0 < at < end:
        try:
            header, at = read_struct(content, at)
            kind, unpacked, packed = (operator.index(header[field]) for field in (1, 2, 3))
        except (IndexError, KeyError, TypeError, ValueError):
            raise _bad(path, f"a page of column {column.name} has no header that can be read") from None
        if not (0 <= packed <= end - at and 0 <= unpacked <= max(MAX_PAGE, HONEST * packed)):
            raise _bad(path, f"a page of column {column.name} says {packed:,} bytes, unpacked {unpacked:,}")
        at += packed
        total += unpacked
        stored += packed
        dictionary += unpacked if kind == DICTIONARY_PAGE else 0
    return Chunk(total, stored, dictionary)


def _bad(path: Path, what: str) -> PotstillError:
    return PotstillError(f"{path} is not read: {what}", hint="get or make the file again", code=BAD_DATA)
