"""Read the text of a row: one cell, or several joined by a blank. Invalid texts are refused with line and column."""

from collections.abc import Sequence
from typing import NoReturn

from data.example import MASK
from data.readers.source import BadRow, Row, Source

JOINED_BY = " "  # a line break would end the row in everything that writes one text a line


class Unusable(Exception):
    """Raised inside a reader for a row that `skip_bad` leaves out; carries its `BadRow`."""

    def __init__(self, bad: BadRow) -> None:
        super().__init__(bad.error.message)
        self.bad = bad


def text_of(source: Source, row: Row, columns: Sequence[str]) -> str:
    """Return a row's text without outer blanks. Errors: an invalid text (BAD_DATA; with `skip_bad` Unusable)."""
    if len(columns) == 1:
        value = row.values[columns[0]]
        text = (value if isinstance(value, str) else _cell(source, row, columns[0])).strip()
    else:  # a part may be missing, the text may not
        cells = [_cell(source, row, column) for column in columns if row.values[column] is not None]
        text = JOINED_BY.join(cell.strip() for cell in cells if cell.strip())
    if not text:
        _refuse(source, row, columns, "empty text", "is empty, expected a text")
    if MASK in text:
        _refuse(source, row, columns, "mask sign", f"holds {MASK}, which stands for a masked word")
    if not text.isascii():
        _check_storable(source, row, columns, text)
    return text


def _cell(source: Source, row: Row, column: str) -> str:
    value = row.values[column]
    if not isinstance(value, str):
        _refuse(source, row, [column], "no text", f"holds {value!r:.80}, expected a text")
    return value


def _check_storable(source: Source, row: Row, columns: Sequence[str], text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        sign = text[error.start]
        if "\udc80" <= sign <= "\udcff" and source.skip_bad:  # from `lines_of`
            _refuse(source, row, columns, "not UTF-8", f"holds the byte {ord(sign) - 0xDC00:#04x}, which is not UTF-8")
        _refuse(source, row, columns, "half a character", f"holds half a character ({sign!r})")


def _refuse(source: Source, row: Row, columns: Sequence[str], reason: str, what: str) -> NoReturn:
    raise Unusable(source.bad(row.line, reason, f", column {'+'.join(columns)!r} {what}"))
