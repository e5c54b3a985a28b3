"""What a report is made of before it is Markdown or HTML: sections of blocks. Texts stand here unescaped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Paragraph:
    """A few sentences."""

    text: str


@dataclass(frozen=True)
class Alert:
    """A warning."""

    text: str


@dataclass(frozen=True)
class Facts:
    """A few numbers in large type: (number, what it is)."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Mark:
    """A cell of a table that says whether something is in order."""

    text: str
    good: bool


@dataclass(frozen=True)
class Table:
    """Rows with their column names; `folded` ones open on a click."""

    title: str
    rows: Sequence[Mapping[str, Any]]
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """A drawing of `pictures.py`. name: of its file; about: a line below; said: what is in it, in words."""

    name: str
    title: str
    about: str
    svg: str
    said: str = ""

    @property
    def spoken(self) -> str:
        """The text alone."""
        return " ".join(part for part in (f"{self.title}.", self.about, self.said) if part)


Block = Paragraph | Alert | Facts | Table | Picture


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """The whole report. about: one line under the title; alerts: what must be known before anything else is read."""

    title: str
    about: str
    alerts: tuple[str, ...]
    sections: tuple[Section, ...]

    @property
    def pictures(self) -> list[Picture]:
        """All drawings in order."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Picture)]


def columns_of(table: Table) -> list[str]:
    """Name the columns in the order they first appear."""
    return list(dict.fromkeys(name for row in table.rows for name in row))
