"""Stage 3: tagged originals -> originals and their synthetic rows, by chunk, before duplicates are removed."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from augment import vocabulary
from augment.config import AugmentConfig
from augment.crew.work import Work
from augment.rows.synthesise import COLUMNS, N_WORDS, Rules, synthesise
from augment.stages.tag import tagged_sides
from augment.tagged import Texts, from_columns
from data import store
from data.examples import GROUP_ROWS
from data.row_groups import parquet_writer, read_groups
from data.schema import examples_schema
from data.tasks.task import Task

DRAWN_BYTES = 1 << 20  # bytes of text processed at once: memory stays flat, and most of it in the CPU cache
DRAWN_ROWS = 1 << 16


@dataclass(frozen=True)
class RowsChunk:
    """One chunk to expand: picklable, small."""

    work: Work
    task: Task
    config: AugmentConfig
    chunk: int


def make_chunk(job: RowsChunk) -> int:
    """Write one chunk's rows, each original before its synthetic rows; return the number of originals."""
    path, note = job.work.rows(job.chunk), job.work.dropped(job.chunk)
    originals = pq.read_metadata(job.work.tagged(job.chunk)).num_rows
    if note.exists():
        return originals
    rules = _rules(job.work, job.task, job.config)
    dropped: Counter[str] = Counter()
    schema = examples_schema(job.task).append(pa.field(N_WORDS, pa.int32()))
    with parquet_writer(path, schema, vectors=tuple(schema.names)) as writer:  # short-lived: not compressed
        for some, sides in _slices(job):
            rows, faults = synthesise(some, sides, rules)
            writer.write_table(rows, row_group_size=GROUP_ROWS)
            dropped += faults
    store.write_json(note, dict(dropped))
    return originals


def dropped_rows(work: Work, chunks: int) -> Counter[str]:
    """Sum the dropped rows of all chunks, by reason."""
    total: Counter[str] = Counter()
    for chunk in range(chunks):
        total.update(store.read_json(work.dropped(chunk)))
    return total


def _slices(job: RowsChunk) -> Iterator[tuple[pa.Table, list[Texts]]]:
    """Read the originals of a chunk with their tagged texts, in slices that are processed at once."""
    for table in read_groups(job.work.tagged(job.chunk)):
        originals = table.select(examples_schema(job.task).names)
        start = 0
        for stop in _stops(originals, 1 + job.config.n_iter):
            sides = [from_columns(table.slice(start, stop - start), side) for side in tagged_sides(job.task)]
            yield originals.slice(start, stop - start), sides
            start = stop


def _stops(originals: pa.Table, draws: int) -> list[int]:
    """Split originals into slices; return the index after the last original of each."""
    size = sum(pc.fill_null(pc.binary_length(originals[name]), 0).to_numpy() for name in COLUMNS.values())
    used = np.maximum(np.cumsum(size * draws) // DRAWN_BYTES, np.arange(len(size)) * draws // DRAWN_ROWS)
    return [*(np.flatnonzero(np.diff(used)) + 1).tolist(), len(size)]


@lru_cache(maxsize=1)
def _rules(work: Work, task: Task, config: AugmentConfig) -> Rules:
    """Load what all chunks share; cached, once a process."""
    words = vocabulary.load(work.vocabulary) if config.tagger != "none" else None
    return Rules(config, task.kind, words, frozenset(store.read_json(work.guard)))


forget_rules = _rules.cache_clear
