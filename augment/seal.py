"""Stage 4: candidate rows -> the parts of the sealed directory, without rows that stand in the set already."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from augment.candidates import N_WORDS
from augment.dedupe import LABELLED, SYNTHETIC, Deduper, kept_rows
from augment.multiplicity import Multiplicity
from augment.work import Work
from data.examples import GROUP_ROWS, PART_ROWS, part_name, read_groups, write_groups
from data.manifest import Part
from data.progress import Progress
from data.schema import examples_schema
from data.tasks.task import Task


def write_unique(
    work: Work, chunks: int, out: Path, *, task: Task, progress: Progress
) -> tuple[list[Part], Multiplicity, int]:
    """Write the final parts; return them, what came out of how much, and how many repeated rows went."""
    deduper = Deduper(work.spill)
    for table in _tables(work, chunks, ["id", "op"]):
        deduper.add(table["id"], np.where(table["op"].is_null(), LABELLED, SYNTHETIC))
    bits, kept, _ = deduper.finish()
    progress.start("write", total=kept, unit="rows")
    multiplicity = Multiplicity()
    groups = regroup(_unique(_tables(work, chunks), bits), GROUP_ROWS)
    counted = _counted(groups, multiplicity, progress)
    schema = examples_schema(task)
    parts: list[Part] = []
    while (first := next(counted, None)) is not None:
        rest = islice(counted, PART_ROWS // GROUP_ROWS - 1)
        parts.append(write_groups(out / part_name(len(parts)), chain([first], rest), schema))
    _remove_others(out, parts)
    progress.finish()
    return parts, multiplicity, deduper.rows - kept


def regroup(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Cut a stream of tables into tables of exactly `rows` rows (the last may be shorter)."""
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


def _tables(work: Work, chunks: int, columns: list[str] | None = None) -> Iterator[pa.Table]:
    return (table for chunk in range(chunks) for table in read_groups(work.rows(chunk), columns))


def _unique(tables: Iterable[pa.Table], bits: np.ndarray) -> Iterator[pa.Table]:
    start = 0
    for table in tables:
        yield table.filter(pa.array(kept_rows(bits, start, start + len(table))))
        start += len(table)


def _counted(groups: Iterable[pa.Table], multiplicity: Multiplicity, progress: Progress) -> Iterator[pa.Table]:
    for table in groups:
        multiplicity.add(table["op"], table[N_WORDS])
        progress.advance(len(table))
        yield table.drop_columns(N_WORDS)


def _remove_others(out: Path, parts: list[Part]) -> None:
    """Remove parts that an interrupted run with other inputs left behind."""
    names = {part.name for part in parts}
    for path in out.glob("part-*.parquet"):
        if path.name not in names:
            path.unlink()
