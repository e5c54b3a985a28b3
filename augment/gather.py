"""Stage 1: the source streams -> originals on disk in chunks, and which of them stay.

The streams are read once, everything later reads the chunks. Faulty and leaking originals are not written; repeated
ones are known only at the end, so they are written and their bit says that they go.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from augment.clean import guard_keys, original_fault
from augment.dedupe import LABELLED, UNLABELLED, Deduper, kept_rows
from augment.work import Work
from data import store
from data.example import Example
from data.examples import chunks, from_table, read_groups, to_table
from data.progress import Progress
from data.schema import examples_schema
from data.tasks.task import Task


@dataclass(frozen=True)
class Gathered:
    """What was read: all rows, the originals that stay, the chunks they lie in, and why the others went."""

    read: int
    kept: int
    chunks: int
    dropped: dict[str, int]


def gather(
    work: Work,
    task: Task,
    examples: Iterable[Example],
    excluded: Iterable[Example],
    *,
    chunk_rows: int,
    progress: Progress,
) -> Gathered:
    """Write the originals, in order, in chunks of `chunk_rows`; a finished stage is not done again."""
    if work.gathered_note.exists():
        return Gathered(**store.read_json(work.gathered_note))
    progress.start("read", total=None, unit="texts")
    guard = guard_keys(excluded)
    store.write_json(work.guard, sorted(guard))
    dropped: Counter[str] = Counter()
    deduper, count = Deduper(work.spill), 0
    for chunk in chunks(_good(examples, guard, dropped), chunk_rows):
        table = to_table(chunk, examples_schema(task))
        with store.parquet_writer(work.gathered(count), table.schema) as writer:
            writer.write_table(table)
        deduper.add(table["id"], *_ranks_and_labels(chunk))
        count += 1
        progress.advance(len(chunk))
    bits, kept, conflicts = deduper.finish()
    store.write_bytes(work.kept, bits.tobytes())
    dropped += Counter(duplicate_original=deduper.rows - kept - conflicts, conflicting_label=conflicts)
    result = Gathered(kept + dropped.total(), kept, count, dict(dropped))
    store.write_json(work.gathered_note, vars(result))
    progress.finish()
    return result


def read_originals(work: Work, chunk: int, chunk_rows: int) -> Iterator[Example]:
    """Read the originals of one chunk that stay."""
    start = chunk * chunk_rows
    for table in read_groups(work.gathered(chunk)):
        stay = kept_rows(np.fromfile(work.kept, np.uint8), start, start + len(table))
        yield from from_table(table.filter(pa.array(stay)))
        start += len(table)


def _good(examples: Iterable[Example], guard: frozenset[str], dropped: Counter[str]) -> Iterator[Example]:
    for example in examples:
        fault = original_fault(example, guard)
        if fault is None:
            yield example
        else:
            dropped[fault] += 1


def _ranks_and_labels(examples: list[Example]) -> tuple[np.ndarray, np.ndarray]:
    """Rank labelled originals before unlabelled ones; make a number of each label (0: none), to find conflicts."""
    ranks = [UNLABELLED if example.label is None else LABELLED for example in examples]
    labels = [0 if example.label is None else hash((example.label,)) or 1 for example in examples]
    return np.array(ranks), np.array(labels, np.int64)
