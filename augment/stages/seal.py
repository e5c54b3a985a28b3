"""Stage 5: candidate rows -> the parts of the sealed directory, without duplicates.

Part p holds the rows from p · PART_ROWS on of those that stay, so every part can be written by itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from augment.crew.work import Work
from augment.dedupe import kept_rows
from augment.multiplicity import Multiplicity
from augment.stages.candidates import N_WORDS
from augment.stages.unique import Unique, read_unique
from data import store
from data.errors import PotstillError
from data.examples import GROUP_ROWS, PART_ROWS, write_groups
from data.layout import PARTS, part_name
from data.manifest import Part, check_part
from data.row_groups import read_groups
from data.schema import examples_schema
from data.tasks.task import Task


@dataclass(frozen=True)
class PartJob:
    """One part to write: picklable, small."""

    work: Work
    task: Task
    out: Path
    part: int


def parts_of(unique: Unique) -> int:
    """Return the number of parts."""
    return -(-sum(unique.kept) // PART_ROWS)


def make_part(job: PartJob) -> int:
    """Write one part and its record; return its number of rows."""
    note = job.work.part(job.part)
    if note.exists() and (there := _written(job.out, note)):
        return there.rows
    multiplicity = Multiplicity()
    rows = _rows(job.work, read_unique(job.work), job.part * PART_ROWS, (job.part + 1) * PART_ROWS)
    groups = _counted(regroup(rows, GROUP_ROWS), multiplicity)
    part = write_groups(job.out / part_name(job.part), groups, examples_schema(job.task))
    store.write_json(note, {"part": vars(part), "counts": multiplicity.counts()})
    return part.rows


def read_parts(work: Work, out: Path, parts: int) -> tuple[list[Part], Multiplicity]:
    """Read the records of all parts; remove parts that an interrupted run with other inputs left."""
    multiplicity, described = Multiplicity(), []
    for part in range(parts):
        noted = store.read_json(work.part(part))
        multiplicity.add_counts(noted["counts"])
        described.append(Part(**noted["part"]))
    names = {part.name for part in described}
    for path in out.glob(PARTS):
        if path.name not in names:
            path.unlink(missing_ok=True)
    return described, multiplicity


def regroup(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Regroup a stream of tables into tables of exactly `rows` rows (the last may be shorter)."""
    waiting: list[pa.Table] = []
    held = 0
    for table in tables:
        waiting.append(table)
        held += len(table)
        while held >= rows:
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, rows).combine_chunks()
            waiting, held = [whole.slice(rows)], held - rows
    if held:
        yield pa.concat_tables(waiting).combine_chunks()


def _rows(work: Work, unique: Unique, first: int, last: int) -> Iterator[pa.Table]:
    """Read the rows from number `first` to before `last` of those that stay."""
    bits = np.fromfile(work.unique, np.uint8)
    row = number = 0  # of the chunk's first candidate; of the first of its rows that stay
    for chunk, (rows, kept) in enumerate(zip(unique.rows, unique.kept, strict=True)):
        if number < last and number + kept > first:
            at, start = number, row
            for table in read_groups(work.rows(chunk)):
                stay = table.filter(pa.array(kept_rows(bits, start, start + len(table))))
                skipped = min(len(stay), max(0, first - at))  # arrow aborts the process where it is more than there is
                yield stay.slice(skipped, max(0, last - at - skipped))
                start, at = start + len(table), at + len(stay)
        row, number = row + rows, number + kept


def _counted(groups: Iterable[pa.Table], multiplicity: Multiplicity) -> Iterator[pa.Table]:
    for table in groups:
        multiplicity.add(table["op"], table[N_WORDS])
        yield table.drop_columns(N_WORDS)


def _written(out: Path, note: Path) -> Part | None:
    """Return a part that is written; None if its record or file is missing, or they differ."""
    part = Part(**store.read_json(note)["part"])
    try:
        check_part(out, part)
    except PotstillError:
        return None
    return part
