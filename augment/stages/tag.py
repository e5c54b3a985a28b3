"""Stage 2: split every original into words and tag them, ONCE; words, tags and their counts are stored."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import pyarrow as pa
import pyarrow.parquet as pq

from augment import vocabulary
from augment.config import AugmentConfig
from augment.crew.work import Work
from augment.stages.gather import read_originals
from augment.tagged import SIDES, Tagged, columns
from augment.taggers.choose import load_tagger
from data.row_groups import parquet_writer
from data.tasks.task import Task

cached_tagger = lru_cache(maxsize=1)(load_tagger)


def warm(tagger: str, language: str) -> None:
    """Load the tagger of this process before it is needed."""
    cached_tagger(tagger, language)


@dataclass(frozen=True)
class TagChunk:
    """One chunk to tag: picklable, small."""

    work: Work
    task: Task
    config: AugmentConfig
    chunk: int


def tag_chunk(job: TagChunk) -> int:
    """Tag one chunk of originals and count its words by tag; return its number of originals."""
    path = job.work.tagged(job.chunk)
    if path.exists():
        return pq.read_metadata(path).num_rows
    originals = read_originals(job.work, job.chunk, job.config.chunk_rows)
    tag_texts = cached_tagger(job.config.tagger, job.config.language)
    tagged = {side: tag_texts(originals[SIDES[side]].to_pylist()) for side in tagged_sides(job.task)}
    vocabulary.save(job.work.counts(job.chunk), vocabulary.count(chain.from_iterable(tagged.values())))
    table = _with_words(originals, tagged)
    with parquet_writer(path, table.schema) as writer:
        writer.write_table(table)
    return len(originals)


def merge_counts(work: Work, chunks: int) -> None:
    """Merge the counts of all chunks into the vocabulary."""
    tables = (pq.read_table(work.counts(chunk), use_threads=False) for chunk in range(chunks))
    vocabulary.save(work.vocabulary, vocabulary.merge(tables))


def tagged_sides(task: Task) -> str:
    """Return the letters of a task's sides, as used for columns of the tagged chunks: "a" or "ab"."""
    return "".join(SIDES) if task.pair else "a"


def _with_words(table: pa.Table, tagged: dict[str, list[Tagged]]) -> pa.Table:
    for side, texts in tagged.items():
        for name, values in columns(texts, side).items():
            table = table.append_column(name, values)
    return table
