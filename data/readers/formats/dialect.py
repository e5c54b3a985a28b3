"""Detect the delimiter of a text table, and whether its cells are quoted: first lines → delimiter, yes or no.

If the user does not give them, the delimiter is detected from the first lines, quoting from the first lines that have
a quote. GLUE's TSV is unquoted (a quote is a character like any other); pandas, R and spreadsheets quote the cells that
need it. Without a quote both read the same.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from data.errors import PotstillError
from data.readers.columns import SHORT, label_like
from data.readers.known import KNOWN
from data.readers.source import Source

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
WINDOW = 1_000  # lines looked at from the first quote on

_SAID = re.compile(r"sep=(.)$")  # the first line that Excel writes and reads
_PROPER = re.compile(r'"[^"]*(?:""[^"]*)*"')


def delimiter_name(delimiter: str) -> str:
    """Return the name of a delimiter, for messages."""
    return next((name for name, sign in DELIMITERS.items() if sign == delimiter), repr(delimiter))


def said_delimiter(source: Source) -> str | None:
    """Return the delimiter that the user gave, by name (`tab`) or as the character; None if not given."""
    said = source.delimiter
    if said is None:
        return None
    sign = DELIMITERS.get(said.strip().lower()) or ("\t" if said == "\\t" else said)
    if len(sign) != 1 or sign in '"\r\n' or sign.isalnum():
        raise PotstillError(
            f"--delimiter {said!r} is no delimiter", hint=f"--delimiter semicolon; known: {', '.join(DELIMITERS)}"
        )
    return sign


def csv_delimiter(source: Source, lines: Sequence[str]) -> str:
    """Detect the delimiter of a file with quoted cells: the one that splits its first lines best."""
    said = said_delimiter(source) or spreadsheet_delimiter(lines)
    return said or max(DELIMITERS.values(), key=lambda sign: _score(source, lines, sign))


def tsv_delimiter(source: Source, lines: Sequence[str]) -> str:
    """Detect the delimiter of a `.tsv` file: a tab, unless no line has one and another yields well-known names."""
    if said := said_delimiter(source) or spreadsheet_delimiter(lines):
        return said
    if any("\t" in line for line in lines):
        return "\t"
    scores = {sign: _score(source, lines, sign) for sign in DELIMITERS.values()}
    best = max(scores, key=lambda sign: scores[sign])
    return best if scores[best][1] > 0 else "\t"


def spreadsheet_delimiter(lines: Sequence[str]) -> str | None:
    """Return the delimiter from the line `sep=;` that Excel writes first; None without such a line."""
    found = _SAID.match(lines[0]) if lines else None
    return found[1] if found else None


def looks_quoted(lines: Sequence[str], delimiter: str, width: int) -> bool:
    """Tell whether lines of a TSV file, from the first quote on, have quoted cells. `width`: columns of the file.

    A quoted cell begins and ends with a quote, and quotes inside are doubled. One cell that breaks this rule means no
    quoting. A cell that did not need quotes (`"Why me?"`) may be a quotation, unless its whole column has them.
    """
    rows = [line.split(delimiter) for line in lines if line]
    if all(len(cells) == width for cells in rows):
        with_quote = [cell for cells in rows for cell in cells if '"' in cell]
        if not all(_PROPER.fullmatch(cell) for cell in with_quote):
            return False
        return any('""' in cell[1:-1] for cell in with_quote) or _column_quoted(rows)
    return _parses("\n".join(lines), delimiter, width)


def _column_quoted(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether some column has quotes around all its cells, in two rows at least."""
    return len(rows) > 1 and any(all(cell[:1] == '"' for cell in column) for column in zip(*rows, strict=True))


def _parses(text: str, delimiter: str, width: int) -> bool:
    """Tell whether a text is rows of `width` cells, some of them quoted; the last row may be cut off."""
    sign = re.escape(delimiter)
    cell = re.compile(rf'("[^"]*(?:""[^"]*)*"|[^"{sign}\n]*)({sign}|\n|\Z)')
    open_cell = re.compile(r'"[^"]*(?:""[^"]*)*\Z')
    at, cells, quoted = 0, 1, False
    while at < len(text):
        found = cell.match(text, at)
        if found is None:
            return quoted and cells <= width and open_cell.match(text, at) is not None
        quoted = quoted or found[1].startswith('"')
        at = found.end()
        if found[2] == delimiter:
            cells += 1
        elif found[1] or cells > 1:  # an empty line is no row
            if cells != width:
                return False
            cells = 1
    return quoted


def _score(source: Source, lines: Sequence[str], sign: str) -> tuple[int, int, float, int]:
    """Rate a delimiter: (names the user gave, well-known names, share of rows with the most common width, labels).

    labels: higher if a column of labels results, and for shorter labels: a wrong delimiter leaves a tail on them.
    """
    rows = [cells for cells in _cut(lines, sign) if cells]
    if not rows:
        return 0, 0, 0.0, 0
    width, count = Counter(map(len, rows)).most_common(1)[0]
    if width == 1 and len(rows[0]) == 1:
        return 0, 0, 0.0, 0
    first = {cell.strip() for cell in rows[0]}
    named = sum(name in first for name in source.asked if not name.isdigit())
    known = sum(cell.casefold() in KNOWN for cell in first) if len(rows[0]) > 1 else 0
    full = [cells for cells in rows if len(cells) == width]
    columns = [column for column in zip(*full, strict=True) if label_like(column)] if width > 1 else []
    labels = max((SHORT + 1 - max(map(len, column)) for column in columns), default=0)
    return named, known, count / len(rows) if width > 1 else 0.0, labels


def _cut(lines: Sequence[str], sign: str) -> list[list[str]]:
    """Split lines as CSV, up to the first line that is no valid CSV."""
    rows = []
    try:
        for cells in islice(csv.reader((f"{line}\n" for line in lines), delimiter=sign), len(lines)):
            rows.append(cells)
    except csv.Error:
        pass
    return rows
