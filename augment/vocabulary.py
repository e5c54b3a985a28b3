"""The words of each part of speech and their counts: the unigram distribution of the originals within each tag.

Counted from the tagged originals by chunk; merged as Arrow tables, which take a tenth of the memory of a Python dict;
stored sorted by tag and word, so that the order of counting does not matter. Draws use a hash of tag and word
(`augment.hashed`), so that one changed text changes only a few draws of other texts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from augment.hashed import Tables, place
from augment.tagged import Tagged
from data.row_groups import parquet_writer

SCHEMA = pa.schema([("tag", pa.string()), ("word", pa.string()), ("count", pa.int64())])
MERGE_ROWS = 1 << 20  # counted rows held before they are summed up


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """V (tag, word) pairs sorted by tag, then word.

    words   V words
    tags    tag -> its number
    tables  the pairs as items of their tag's group, by their counts
    """

    words: list[str]
    tags: dict[str, int]
    tables: Tables

    def pick(self, tags: list[str], u: np.ndarray) -> list[str]:
        """Draw one word for each of N tags, in proportion to the counts; `u` [N] from [0, 1)."""
        groups = np.fromiter(map(self.tags.__getitem__, tags), np.int64, len(tags))
        return [self.words[i] for i in self.tables.pick(groups, u).tolist()]


def count(texts: Iterable[Tagged]) -> pa.Table:
    """Count the (tag, word) pairs of some texts."""
    tagged = [text for text in texts if text.tags]
    words, tags = (
        pa.array(chain.from_iterable(column), pa.string())
        for column in ((text.words for text in tagged), (text.tags for text in tagged))
    )
    return _sum(pa.table([tags, words, np.ones(len(tags), np.int64)], schema=SCHEMA))


def merge(tables: Iterable[pa.Table]) -> pa.Table:
    """Sum the counts of many chunks, sorted by tag and word; memory grows only with the number of distinct words."""
    total, waiting, rows = SCHEMA.empty_table(), [], 0
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        if rows > MERGE_ROWS:
            total, waiting, rows = _sum(pa.concat_tables([total, *waiting])), [], 0
    return _sum(pa.concat_tables([total, *waiting])).sort_by([("tag", "ascending"), ("word", "ascending")])


def save(path: Path, counts: pa.Table) -> None:
    """Write counts."""
    with parquet_writer(path, SCHEMA) as writer:
        writer.write_table(counts)


def load(path: Path) -> Vocabulary:
    """Read merged counts, ready to draw from."""
    return from_counts(pq.read_table(path, use_threads=False))


def from_counts(counts: pa.Table) -> Vocabulary:
    """Make a vocabulary of counts sorted by tag and word."""
    words, tags = counts["word"].to_pylist(), counts["tag"].to_pylist()
    numbers = {tag: number for number, tag in enumerate(dict.fromkeys(tags))}
    names = (f"{tag}\0{word}".encode("utf-8", "surrogatepass") for tag, word in zip(tags, words, strict=True))
    keys = np.frombuffer(b"".join(blake2b(name, digest_size=8).digest() for name in names), "<u8")
    groups = np.fromiter(map(numbers.__getitem__, tags), np.int64, len(tags))
    return Vocabulary(words, numbers, place(keys, counts["count"].to_numpy(), groups))


def _sum(counts: pa.Table) -> pa.Table:
    return (
        counts.group_by(["tag", "word"], use_threads=False).aggregate([("count", "sum")]).rename_columns(SCHEMA.names)
    )
