"""Which file (or dataset) to read, and one row of it as every reader hands it on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Source:
    """A place that holds texts, and what the user said of it; everything unsaid is found out by reading.

    path    a file, or `hf:NAME[:config][@split]`, or `disk:PATH[@split]` (a dataset written by `save_to_disk`)
    format  key of `READERS`; None: from the ending of the name
    text, pair, label  column names, or 0-based numbers where there is no header; None: from well-known names
    header  whether the first line of a TSV or CSV file names its columns; None: find out
    label_names  what the ids in the label column mean: `A`, `B` for 0, 1, or `1=A`, `2=B`; None: the file's metadata
    """

    path: Path | str
    format: str | None = None
    text: str | None = None
    pair: str | None = None
    label: str | None = None
    header: bool | None = None
    label_names: tuple[str, ...] | None = None

    @property
    def asked(self) -> tuple[str, ...]:
        """The columns the user named."""
        return tuple(name for name in (self.text, self.pair, self.label) if name is not None)

    def at(self, line: int) -> str:
        """Name a line of this source in an error message."""
        return f"{self.path}, line {line}"


class Row(NamedTuple):
    """One row: its 1-based line (or row number, in formats without lines) and column name -> raw value."""

    line: int
    values: dict[str, Any]
