"""Open a source once: columns, found in the first rows, and all rows. One opening, so that a pipe can be read."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from data.readers.columns import SAMPLE, Columns, resolve
from data.readers.rows import PACKED, format_of, rows_of
from data.readers.said import sample_cell
from data.readers.source import Row, Rows, Source


@dataclass(frozen=True)
class Opened:
    """An opened source. about: words on the format, complete after the last row; start: the first usable row."""

    columns: Columns
    rows: Iterator[Row]
    about: list[str]
    start: Row

    @property
    def names(self) -> list[str]:
        """All columns of the source."""
        return list(self.start.values)

    def described(self) -> dict[str, Any]:
        """Return format and columns for a `FileReport`; with two sample cells if the columns were guessed."""
        taken = {"text": self.columns.text, "pair": self.columns.pair, "label": self.columns.label}
        columns = {role: column for role, column in taken.items() if column is not None}
        shown = {"text": self.columns.texts, "pair": self.columns.pairs, "label": (self.columns.label or "",)}
        cells = [" ".join(str(self.start.values[part]) for part in shown[role]) for role in columns]
        samples = tuple(map(sample_cell, cells)) if self.columns.guessed else ()
        return {"form": ", ".join(self.about), "columns": columns, "samples": samples}


def open_source(source: Source, *, pair: bool = False) -> Opened:
    """Open a source. pair: whether the task needs two texts. Errors: no rows; columns that cannot be found."""
    rows = rows_of(source)
    about = rows.about if isinstance(rows, Rows) else [format_of(source)]
    rows = rows.rows if isinstance(rows, Rows) else rows
    sample = list(islice(rows, SAMPLE))
    columns = resolve(source, sample, pair=pair)
    if Path(source.path).suffix.lower() == PACKED:
        about.append("gzip")
    start = next(row for row in sample if row.fault is None)
    return Opened(columns, chain(sample, rows), about, start)
