"""Stage 4: the ids of all candidate rows -> which rows stay, so that each id occurs once."""

from dataclasses import dataclass

import numpy as np

from augment.crew.work import Work
from augment.dedupe import LABELLED, SYNTHETIC, Deduper, kept_rows
from data import store
from data.row_groups import read_groups


@dataclass(frozen=True)
class Unique:
    """For each chunk, the number of candidate rows, and of those that stay."""

    rows: list[int]
    kept: list[int]

    @property
    def repeated(self) -> int:
        """Number of duplicates."""
        return sum(self.rows) - sum(self.kept)


def find_unique(work: Work, chunks: int) -> None:
    """Write one bit per candidate row, set where it stays, and the counts of each chunk."""
    rows = []
    with work.spill() as folder:
        deduper = Deduper(folder)
        for chunk in range(chunks):
            before = deduper.rows
            for table in read_groups(work.rows(chunk), ["id", "op"]):
                deduper.add(table["id"], np.where(table["op"].is_null(), LABELLED, SYNTHETIC))
            rows.append(deduper.rows - before)
        bits, _, _ = deduper.finish()
    ends = np.cumsum(rows).tolist()
    kept = [int(kept_rows(bits, end - size, end).sum()) for end, size in zip(ends, rows, strict=True)]
    store.write_bytes(work.unique, bits.tobytes())
    store.write_json(work.unique_note, {"rows": rows, "kept": kept})


def read_unique(work: Work) -> Unique:
    """Read the counts of a finished stage."""
    return Unique(**store.read_json(work.unique_note))
