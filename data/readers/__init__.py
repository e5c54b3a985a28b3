"""Files and data sets → rows → examples, and the table of formats."""

from collections.abc import Callable, Iterator

from data.readers.formats import hub, jsonl, parquet, quoted, text, tsv
from data.readers.source import Row, Source

READERS: dict[str, Callable[[Source], Iterator[Row]]] = {
    "tsv": tsv.read_rows,
    "csv": quoted.read_rows,
    "jsonl": jsonl.read_rows,
    "json": jsonl.read_rows,
    "parquet": parquet.read_rows,
    "text": text.read_rows,
    "hub": hub.read_rows,
}
