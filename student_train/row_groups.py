"""One row group of a Parquet file at a time: 20 MB flat, where pyarrow's batch readers grow to the whole file."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import BAD_DATA, PotstillError


def group_rows(path: Path) -> list[int]:
    """Rows of each row group of a file."""
    with _parquet(path) as file:
        return [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)]


def read_rows(path: Path, first: int, count: int, columns: list[str]) -> pa.Table:
    """Read the named columns of `count` rows from row `first` on, and of no row group that holds none of them."""
    with _parquet(path) as file:
        sizes = [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)]
        starts = list(accumulate(sizes, initial=0))
        places = [i for i in range(len(sizes)) if starts[i] < first + count and starts[i + 1] > first]
        table = file.read_row_groups(places, columns=columns, use_threads=False)
    if missing := set(columns) - set(table.column_names):
        raise PotstillError(f"{path} has no column {', '.join(sorted(missing))}", code=BAD_DATA)
    return table.slice(first - starts[places[0]] if places else 0, count)


@contextmanager
def _parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a file; whatever in it is damaged is named. Without page checksums a flipped bit is a wrong number."""
    try:
        with pq.ParquetFile(path, memory_map=True, pre_buffer=False, page_checksum_verification=True) as file:
            yield file
    except (pa.ArrowInvalid, OSError) as error:
        raise PotstillError(f"{path} cannot be read: {error}", code=BAD_DATA) from None
