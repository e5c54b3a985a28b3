"""A Parquet file that nobody trusts: what its pages really hold, measured before they are decoded, and flat reading.

Parquet's own numbers can lie: a file of 1 kB may claim a billion rows, a page of 200 kB may unpack to 2 GB, and one
text of 1 MB in a dictionary may stand in every row. The footer's sizes are the writer's word, so the headers of the
pages are read too (a few microseconds each), and texts in dictionaries are decoded a slice at a time.
"""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import BAD_DATA, PotstillError
from data.untrusted import open_regular

MAX_PAGE = 256 << 20  # bytes of one page, unpacked; writers make pages of 1 MB, of one row where a row is larger
MAX_GROUP_ROWS = 1 << 17  # rows of a row group in potstill's own directories, which are written with 8,192
MAX_GROUP = 1 << 30  # bytes of the chosen columns of such a row group, decoded
MAX_VALUES = 1 << 27  # list elements of a row group
# Hidden states of long texts are larger than these limits, and stored as they are: what is as large on the disk is no
# bomb, but a file that somebody had the space for.
HONEST = 4
SLICE_ROWS = 256
DICTIONARY_PAGE = 2


@dataclass(frozen=True)
class Chunk:
    """One column of one row group, from its page headers: bytes unpacked and as stored, and unpacked those of its
    dictionary (0: none).
    """

    bytes: int
    stored: int
    dictionary: int


@contextmanager
def opened(path: Path, **options: Any) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; whatever in it is damaged, now or while it is read, is BAD_DATA with its name."""
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
    row_group = file.metadata.row_group(group)
    found = {}
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for number in range(row_group.num_columns):
            column = row_group.column(number)
            name = column.path_in_schema
            if columns is None or name.partition(".")[0] in columns:
                if column.num_values > MAX_VALUES:
                    raise _bad(path, f"column {name} of row group {group} claims {column.num_values:,} values")
                found[name] = _measure(path, content, column)
    return found


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


def _measure(path: Path, content: mmap.mmap, column: Any) -> Chunk:
    """Walk the pages of one column chunk."""
    first = column.dictionary_page_offset if column.has_dictionary_page else None
    at = min(value for value in (first, column.data_page_offset) if value)
    end = min(at + column.total_compressed_size, len(content))
    total = stored = dictionary = 0
    while 0 < at < end:
        try:
            header, at = _struct(content, at, 0)
            kind, unpacked, packed = header[1], header[2], header[3]
        except (IndexError, KeyError, ValueError):
            raise _bad(path, f"a page of column {column.path_in_schema} has no header that can be read") from None
        if not (0 <= packed <= end - at and 0 <= unpacked <= max(MAX_PAGE, HONEST * packed)):
            raise _bad(path, f"a page of column {column.path_in_schema} says {packed:,} bytes, unpacked {unpacked:,}")
        at += packed
        total += unpacked
        stored += packed
        dictionary += unpacked if kind == DICTIONARY_PAGE else 0
    return Chunk(total, stored, dictionary)


def _struct(content: mmap.mmap, at: int, depth: int) -> tuple[dict[int, int], int]:
    """Read a struct in Thrift's compact protocol: field -> number, other fields skipped; and where it ends.

    pyarrow reads page headers too, but shows them to nobody. https://parquet.apache.org/docs/file-format/metadata/
    """
    if depth > 4:
        raise ValueError("a page header is three levels deep")
    fields: dict[int, int] = {}
    number = 0
    while (byte := content[at]) != 0:
        kind, step, at = byte & 15, byte >> 4, at + 1
        if step:
            number += step
        else:
            number, at = _number(content, at)
        if kind in (4, 5, 6):
            fields[number], at = _number(content, at)
        elif kind == 8:
            length, at = _varint(content, at)
            at += length
        elif kind == 12:
            _, at = _struct(content, at, depth + 1)
        elif kind == 3:
            at += 1
        elif kind not in (1, 2):  # true and false lie in the type itself; a page header has no other types
            raise ValueError(f"no type {kind} in a page header")
    return fields, at + 1


def _varint(content: mmap.mmap, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("a number of more than ten bytes")


def _number(content: mmap.mmap, at: int) -> tuple[int, int]:
    value, at = _varint(content, at)
    return (value >> 1) ^ -(value & 1), at


def _bad(path: Path, what: str) -> PotstillError:
    return PotstillError(f"{path} is not read: {what}", hint="get or make the file again", code=BAD_DATA)
