"""Stage 1: the source streams -> originals on disk in chunks, and one bit for each that tells whether it stays.

The streams are read once; later stages read the chunks. Faulty originals and those equal to dev or test texts are not
written; repeated ones are found only at the end, so they are written and marked by their bit.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from augment.clean import is_swapped, original_fault
from augment.config import AugmentConfig
from augment.crew.crew import Crew
from augment.crew.work import Work
from augment.dedupe import LABELLED, UNLABELLED, Deduper, kept_rows
from augment.segment import is_chinese
from data import store
from data.example import Example
from data.examples import chunks, to_table
from data.row_groups import parquet_writer, read_groups
from data.schema import examples_schema
from data.tasks.task import Task
from data.text.held_out import Guard, guard_of
from data.text.words import CHINESE, scripts_in

SWAPPED = "swapped pairs"
Originals = Iterable[Example] | Callable[[], Iterable[Example]]


@dataclass(frozen=True)
class Gathered:
    """Counts of the rows read, of originals that stay, of chunks, and of dropped rows by reason.

    seen  how many originals equal a swapped dev or test pair (SWAPPED), or have letters of a script without blanks (by
          the script's name)
    files reports of the files
    """

    read: int
    kept: int
    chunks: int
    dropped: dict[str, int]
    seen: dict[str, int]
    files: list[dict[str, Any]] = field(default_factory=list)


def gather(
    crew: Crew,
    task: Task,
    examples: Originals,
    excluded: Originals,
    *,
    rows: int,
    symmetric: bool = False,
    files: Callable[[], list[dict[str, Any]]] = list,
    on_second: Callable[[], None],
) -> None:
    """Write the originals, in order, in chunks of `rows`, and last a file with the counts.

    files: called after the last row; returns the reports of the files
    on_second: called once there is a second chunk, so that there will be work for more than one process.
    """
    work, progress = crew.work, crew.progress
    progress.start("read", total=None, unit="texts")
    guard = guard_of(_open(excluded))
    if symmetric:
        guard = guard.both_ways()
    store.write_json(work.guard, sorted(guard.keys))
    dropped: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    with work.spill() as folder:
        deduper, count = Deduper(folder), 0
        for chunk in chunks(_good(_open(examples), guard, dropped, seen), rows):
            crew.check()
            table = to_table(chunk, examples_schema(task))
            with parquet_writer(work.gathered(count), table.schema) as writer:
                writer.write_table(table)
            deduper.add(table["id"], *_ranks_and_labels(chunk))
            count += 1
            if count == 2:
                on_second()
            progress.advance(len(chunk))
        bits, kept, conflicts = deduper.finish()
    store.write_bytes(work.kept, bits.tobytes())
    dropped += Counter(duplicate_original=deduper.rows - kept - conflicts, conflicting_label=conflicts)
    note = Gathered(kept + dropped.total(), kept, count, dict(dropped), dict(+seen), files())
    store.write_json(work.gathered_note, vars(note))
    progress.finish()


def read_gathered(work: Work) -> Gathered:
    """Read the counts of the finished stage."""
    return Gathered(**store.read_json(work.gathered_note))


def notes_on(gathered: Gathered, config: AugmentConfig) -> list[str]:
    """Return notes for the user on swapped pairs and on scripts without blanks."""
    notes = []
    swapped = gathered.seen.get(SWAPPED, 0)
    if swapped:
        notes.append(f"{swapped} pairs are dev or test pairs with their texts swapped (--symmetric leaves them out)")
    cut = {name: count for name, count in gathered.seen.items() if name != SWAPPED}
    if is_chinese(config.language):
        cut.pop(CHINESE, None)
    if cut:
        found = ", ".join(f"{name} in {count}" for name, count in sorted(cut.items()))
        notes.append(
            f"scripts without blanks are cut by characters: {found} of {gathered.kept} texts"
            " (--language zh cuts Chinese into words)"
        )
    return notes


def read_originals(work: Work, chunk: int, chunk_rows: int) -> pa.Table:
    """Read the originals of one chunk that stay."""
    table = pa.concat_tables(read_groups(work.gathered(chunk)))
    start = chunk * chunk_rows
    return table.filter(pa.array(kept_rows(np.fromfile(work.kept, np.uint8), start, start + len(table))))


def _open(examples: Originals) -> Iterable[Example]:
    return examples() if callable(examples) else examples


def _good(examples: Iterable[Example], guard: Guard, dropped: Counter[str], seen: Counter[str]) -> Iterator[Example]:
    for example in examples:
        fault = original_fault(example, guard)
        if fault:
            dropped[fault] += 1
            continue
        seen[SWAPPED] += is_swapped(example, guard)
        seen.update({*scripts_in(example.text), *scripts_in(example.pair or "")})
        yield example


def _ranks_and_labels(examples: list[Example]) -> tuple[np.ndarray, np.ndarray]:
    """Return the ranks of originals (labelled first) and a number for each label (0: none), to find conflicts."""
    ranks = [UNLABELLED if example.label is None else LABELLED for example in examples]
    labels = [0 if example.label is None else hash((example.label,)) or 1 for example in examples]
    return np.array(ranks), np.array(labels, np.int64)
