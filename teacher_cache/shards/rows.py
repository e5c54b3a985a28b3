"""The rows of a shard before and after the teacher: read from the examples, joined with what other caches hold."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from data.errors import BAD_DATA, PotstillError
from data.examples import hash_ids
from data.manifest import whole_part
from data.row_groups import parquet_writer, read_groups
from data.running.stop import Stop
from data.text.encoding import Feed, Tokens, concatenate, tokenise
from teacher_cache.inference.windows import per_token
from teacher_cache.job import Job
from teacher_cache.shards.reuse import Found
from teacher_cache.shards.shard import vectors_of

PIECE = 512  # rows joined at a time where answers grow with the length of the text: some 50 MB a layer


@dataclass(frozen=True)
class Rows:
    """One examples part, ready for the teacher.

    groups: rows of each row group. places: where other caches have the rows, -1 where they have not (see `Found`);
    None where there is nothing to reuse. tokens: of the rows without a place.
    """

    ids: pa.Array
    groups: list[int]
    tokens: Tokens
    places: np.ndarray | None = None


def read_rows(job: Job, index: int, feed: Feed, found: Found | None, stop: Stop | None = None) -> Rows:
    """Read one examples part and cut it into sub-words, row group by row group; rows that are found need no cutting."""
    source, pair = job.source.parts[index], job.source.task.pair
    ids, groups, tokens, places, digest = [], [], [], [], hashlib.sha256()
    for table in read_groups(whole_part(job.examples, source), ["id", "text", *(["pair"] if pair else [])]):
        if stop is not None:
            stop.check()
        hash_ids(digest, table["id"])
        ids += table["id"].chunks
        groups.append(table.num_rows)
        if found is not None:
            places.append(found.places(table["id"]))
            table = table.filter(pa.array(places[-1] < 0))
        pairs = table["pair"].to_pylist() if pair else None
        tokens.append(tokenise(feed, table["text"].to_pylist(), pairs))
    if digest.hexdigest() != source.ids:
        raise PotstillError(f"{job.examples / source.name} holds other rows than its manifest says", code=BAD_DATA)
    return Rows(pa.concat_arrays(ids), groups, concatenate(tokens), np.concatenate(places) if places else None)


def merge(found: Found, rows: Rows, apart: Path, tmp: Path, schema: pa.Schema) -> Counter[str]:
    """Write a shard of fresh rows (in `apart`, in order) and found ones, piece by piece; count its states."""
    assert rows.places is not None
    states: Counter[str] = Counter()
    fresh = _Cursor(read_groups(apart))
    with parquet_writer(tmp, schema, vectors=vectors_of(schema)) as writer:
        for places in _pieces(rows, schema):
            new = places < 0
            tables = [fresh.take(int(new.sum()))] if new.any() else []
            tables += [found.rows(places[~new], schema.names)] if not new.all() else []
            order = np.empty(len(places), np.int64)
            order[np.concatenate([np.flatnonzero(new), np.flatnonzero(~new)])] = np.arange(len(places))
            joined = pa.concat_tables([table.select(schema.names).cast(schema) for table in tables])
            table = joined.take(pa.array(order)).combine_chunks()
            states.update(table["status"].to_pylist())
            writer.write_table(table, row_group_size=max(len(places), 1))
    return states


def _pieces(rows: Rows, schema: pa.Schema) -> Iterator[np.ndarray]:
    """The places of each row group to write: those of the examples, or parts of them where rows are large."""
    assert rows.places is not None
    names = [name for name in schema.names if name not in ("id", "n_tokens", "status")]
    start = 0
    for size in rows.groups:
        step = min(size, PIECE) if any(map(per_token, names)) else size
        for at in range(start, start + size, max(step, 1)):
            yield rows.places[at : min(at + step, start + size)]
        start += size


class _Cursor:
    """A stream of tables, taken off row by row."""

    def __init__(self, tables: Iterator[pa.Table]) -> None:
        self._tables = tables
        self._left: pa.Table | None = None

    def take(self, rows: int) -> pa.Table:
        found = []
        while rows:
            if self._left is None or not len(self._left):
                self._left = next(self._tables)
            found.append(self._left.slice(0, rows))
            self._left = self._left.slice(len(found[-1]))
            rows -= len(found[-1])
        return pa.concat_tables(found)
