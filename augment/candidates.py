"""Stage 3: tagged originals -> originals and their synthetic rows, chunk by chunk, before the set-wide dedupe."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.parquet as pq

from augment import vocabulary
from augment.config import AugmentConfig
from augment.synthesise import Rules, synthesise
from augment.tag import read_tagged
from augment.work import Work
from data import store
from data.example import Example
from data.examples import GROUP_ROWS, chunks, to_table
from data.schema import examples_schema
from data.tasks.task import Task

N_WORDS = "n_words"  # extra column of the candidates: words of the original, for the report by length


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
    schema = examples_schema(job.task)
    with store.parquet_writer(path, schema.append(pa.field(N_WORDS, pa.int32()))) as writer:
        for group in chunks(_rows(job, rules, dropped), GROUP_ROWS):
            table = to_table([example for example, _ in group], schema)
            words = pa.array([n_words for _, n_words in group], pa.int32())
            writer.write_table(table.append_column(N_WORDS, words))
    store.write_json(note, dict(dropped))
    return originals


def dropped_rows(work: Work, chunks: int) -> Counter[str]:
    """Sum up what the chunks dropped, by reason."""
    total: Counter[str] = Counter()
    for chunk in range(chunks):
        total.update(store.read_json(work.dropped(chunk)))
    return total


def _rows(job: RowsChunk, rules: Rules, dropped: Counter[str]) -> Iterator[tuple[Example, int]]:
    for original, sides in read_tagged(job.work, job.chunk):
        n_words = sum(len(side.words) for side in sides)
        synthetic, faults = synthesise(original, sides, rules)
        dropped.update(faults)
        yield original, n_words
        for example in synthetic:
            yield example, n_words


@lru_cache(maxsize=1)
def _rules(work: Work, task: Task, config: AugmentConfig) -> Rules:
    """Load once a process what all chunks share."""
    words = vocabulary.load(work.vocabulary) if config.tagger != "none" else None
    return Rules(config, task.kind, words, frozenset(store.read_json(work.guard)))


forget_rules = _rules.cache_clear
