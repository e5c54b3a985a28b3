"""One row group of a Parquet file at a time: 20 MB flat, where pyarrow's batch readers grow to the whole file."""

from itertools import accumulate
from pathlib import Path

import pyarrow as pa

from data.errors import BAD_DATA, PotstillError
from data.guards.parquet import opened, read_group


def group_rows(path: Path) -> list[int]:
    """Rows of each row group of a file."""
    with opened(path) as file:
        return [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)]


def read_rows(path: Path, first: int, count: int, columns: list[str]) -> pa.Table:
    """Read the named columns of `count` rows from row `first` on, and of no row group that holds none of them."""
    with opened(path) as file:
        sizes = [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)]
        starts = list(accumulate(sizes, initial=0))
        places = [i for i in range(len(sizes)) if starts[i] < first + count and starts[i + 1] > first]
        table = pa.concat_tables([read_group(path, file, place, columns) for place in places])
    if missing := set(columns) - set(table.column_names):
        raise PotstillError(f"{path} has no column {', '.join(sorted(missing))}", code=BAD_DATA)
    return table.slice(first - starts[places[0]] if places else 0, count)
