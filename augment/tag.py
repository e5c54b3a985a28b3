"""Stage 2: every original is cut into words and tagged ONCE; words, tags and their counts are kept on disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.parquet as pq

from augment import vocabulary
from augment.config import AugmentConfig
from augment.gather import read_originals
from augment.tagged import Tagged
from augment.taggers.choose import load_tagger
from augment.work import Work
from data import store
from data.example import Example
from data.examples import from_table, read_groups, to_table
from data.schema import examples_schema
from data.tasks.task import Task

SIDES = ("a", "b")
_WORDS = pa.list_(pa.string())

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
    originals = list(read_originals(job.work, job.chunk, job.config.chunk_rows))
    tag_texts = cached_tagger(job.config.tagger, job.config.language)
    sides = [[example.text for example in originals]]
    if job.task.pair:
        sides.append([example.pair or "" for example in originals])
    tagged = [tag_texts(texts) for texts in sides]
    vocabulary.save(job.work.counts(job.chunk), vocabulary.count(text for side in tagged for text in side))
    table = _with_words(to_table(originals, examples_schema(job.task)), tagged)
    with store.parquet_writer(path, table.schema) as writer:
        writer.write_table(table)
    return len(originals)


def merge_counts(work: Work, chunks: int) -> None:
    """Sum the counts of all chunks up to the vocabulary of the transfer set."""
    tables = (pq.read_table(work.counts(chunk), use_threads=False) for chunk in range(chunks))
    vocabulary.save(work.vocabulary, vocabulary.merge(tables))


def read_tagged(work: Work, chunk: int) -> Iterator[tuple[Example, tuple[Tagged, ...]]]:
    """Read the originals of a chunk with the words of their one or two texts."""
    for table in read_groups(work.tagged(chunk)):
        sides = []
        for side in SIDES:
            if f"words_{side}" in table.column_names:
                columns = (table[f"{name}_{side}"].to_pylist() for name in ("words", "blanks", "tags"))
                sides.append([Tagged(*values) for values in zip(*columns, strict=True)])
        yield from zip(from_table(table), zip(*sides, strict=True), strict=True)


def _with_words(table: pa.Table, tagged: list[list[Tagged]]) -> pa.Table:
    for side, texts in zip(SIDES, tagged, strict=False):
        for name in ("words", "blanks", "tags"):
            values = [getattr(text, name) for text in texts]
            table = table.append_column(f"{name}_{side}", pa.array(values, _WORDS))
    return table
