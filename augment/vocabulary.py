"""Which words a part of speech has, and how often: the unigram distribution of the transfer set within each tag.

Counted from the tagged originals, chunk by chunk; merged as Arrow tables, which hold a word in a tenth of the memory
of a Python dict's entry; stored sorted by tag and word, so that it does not depend on the order of counting.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from augment.tagged import Tagged
from data import store

SCHEMA = pa.schema([("tag", pa.string()), ("word", pa.string()), ("count", pa.int64())])
MERGE_ROWS = 1 << 20  # counted rows held before they are summed up


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """V (tag, word) pairs sorted by tag, then word.

    words   V words
    ends    running sum of the counts, int64 [V]: word i owns the numbers from ends[i - 1] to ends[i]
    ranges  tag -> (its first number, how many numbers it has)
    """

    words: list[str]
    ends: np.ndarray
    ranges: dict[str, tuple[int, int]]

    def ranges_of(self, tags: list[str]) -> np.ndarray:
        """Look up the ranges of N tags: int64 [N, 2]."""
        number = {tag: i for i, tag in enumerate(self.ranges)}
        ranges = np.array(list(self.ranges.values()), np.int64).reshape(-1, 2)
        return ranges[np.fromiter(map(number.__getitem__, tags), np.int64, len(tags))]

    def pick(self, ranges: np.ndarray, u: np.ndarray) -> list[str]:
        """Draw one word from each range [N, 2], as often as the words stand in the texts; `u` [N] from [0, 1)."""
        numbers = ranges[:, 0] + (u * ranges[:, 1]).astype(np.int64)
        return [self.words[i] for i in np.searchsorted(self.ends, numbers, side="right").tolist()]


def count(texts: Iterable[Tagged]) -> pa.Table:
    """Count the (tag, word) pairs of some texts."""
    tagged = [text for text in texts if text.tags]
    words, tags = (
        pa.array(chain.from_iterable(column), pa.string())
        for column in ((text.words for text in tagged), (text.tags for text in tagged))
    )
    return _sum(pa.table([tags, words, np.ones(len(tags), np.int64)], schema=SCHEMA))


def merge(tables: Iterable[pa.Table]) -> pa.Table:
    """Sum up counts of many chunks, sorted by tag and word; memory grows with the number of different words only."""
    total, waiting, rows = SCHEMA.empty_table(), [], 0
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        if rows > MERGE_ROWS:
            total, waiting, rows = _sum(pa.concat_tables([total, *waiting])), [], 0
    return _sum(pa.concat_tables([total, *waiting])).sort_by([("tag", "ascending"), ("word", "ascending")])


def save(path: Path, counts: pa.Table) -> None:
    """Write counts."""
    with store.parquet_writer(path, SCHEMA) as writer:
        writer.write_table(counts)


def load(path: Path) -> Vocabulary:
    """Read merged counts, ready to draw from."""
    return from_counts(pq.read_table(path, use_threads=False))


def from_counts(counts: pa.Table) -> Vocabulary:
    """Make a vocabulary of counts sorted by tag and word."""
    ends = np.cumsum(counts["count"].to_numpy())
    tags, firsts = np.unique(np.array(counts["tag"].to_pylist(), object), return_index=True)
    starts = [int(ends[first - 1]) if first else 0 for first in firsts.tolist()]
    stops = [*starts[1:], *ends[-1:].tolist()]
    ranges = {tag: (start, stop - start) for tag, start, stop in zip(tags, starts, stops, strict=True)}
    return Vocabulary(counts["word"].to_pylist(), ends, ranges)


def _sum(counts: pa.Table) -> pa.Table:
    return (
        counts.group_by(["tag", "word"], use_threads=False).aggregate([("count", "sum")]).rename_columns(SCHEMA.names)
    )
