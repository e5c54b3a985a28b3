"""`Source`: a file or dataset and how to read it; `Row`: one row, from any reader; `BadRow`: an unusable row."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from data.errors import BAD_DATA, PotstillError

JOIN = "+"  # `title+description`: two columns that make one text
SKIP = "--skip-bad leaves such rows out and counts them"


@dataclass(frozen=True)
class Source:
    """A file or dataset, and how to read it; fields that are None are detected from its content.

    path    a file, or `hf:NAME[:config][@split]`, or `disk:PATH[@split]` (a dataset written by `save_to_disk`)
    format  key of `READERS`; None: from the ending of the name
    text, pair, label  column names, or 0-based numbers; several joined by + make one text; None: detect;
                       label "": ignore labels
    header  whether the first line of a TSV or CSV file names its columns; None: detect
    label_names  what the ids in the label column mean: `A`, `B` for 0, 1, or `1=A`, `2=B`; None: the file's metadata
    delimiter  separates two cells: comma, semicolon, tab, pipe or one character; None: detect
    skip_bad   leave out unusable rows and count them; else the first one is an error
    """

    path: Path | str
    format: str | None = None
    text: str | None = None
    pair: str | None = None
    label: str | None = None
    header: bool | None = None
    label_names: tuple[str, ...] | None = None
    delimiter: str | None = None
    skip_bad: bool = False

    @property
    def asked(self) -> tuple[str, ...]:
        """The columns the user named, each part of a joined one by itself."""
        named = (name for name in (self.text, self.pair, self.label) if name)
        return tuple(part for name in named for part in joined_parts(name))

    def at(self, line: int) -> str:
        """Name a line of this source in an error message."""
        return f"{self.path}, line {line}"

    def bad(self, line: int, reason: str, message: str, *, hint: str = SKIP) -> "BadRow":
        """Raise the error of an unusable row; with `skip_bad` return it as a `BadRow` for `Row.fault`."""
        error = PotstillError(f"{self.at(line)}{message}", hint=hint, code=BAD_DATA)
        if not self.skip_bad:
            raise error
        return BadRow(line, reason, error)


def joined_parts(name: str) -> tuple[str, ...]:
    """Cut `title+description` into its columns; `C+` is one column."""
    parts = tuple(name.split(JOIN))
    return parts if all(parts) else (name,)


class BadRow(NamedTuple):
    """A row that is left out: its line, a short reason (rows are counted by it), and the error without `skip_bad`."""

    line: int
    reason: str
    error: PotstillError


class Row(NamedTuple):
    """One row: its 1-based line (or row number, in formats without lines) and column name -> raw value.

    fault: with `skip_bad`, why the row is unusable; it has no values then.
    """

    line: int
    values: dict[str, Any]
    fault: BadRow | None = None


class Rows(Iterator[Row]):
    """The rows of a reader, and `about`: words on the format (`CSV`, `semicolon`), complete after the last row."""

    def __init__(self, rows: Iterator[Row], about: list[str]) -> None:
        self.rows = rows
        self.about = about

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Row:
        return next(self.rows)
