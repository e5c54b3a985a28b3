"""Label cells: a raw cell of any format → its spelling as text; and counts of a whole column.

`1`, `1.0` and a float 1.0 are one label, `True` and `true` too; an empty cell, NaN and None are no label.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MOST_LABELS = 1_000  # more than these are not classes but texts or ids of something

EMPTY = ("nan", "NaN", "NAN", "None", "<NA>")  # how pandas and Python write a missing cell as text
DISAGREED = "-"  # SNLI and MNLI, where the annotators did not agree
UNLABELLED = "-1"  # the Hugging Face hub, in test splits without labels

NUMBER = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")  # 007 is a name
WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")
LISTED = re.compile(r"\[\s*(?:['\"0-9-].*)?\]|\{\s*(?:['\"0-9-].*)?\}", re.DOTALL)  # how Python and JSON write lists


def spell(cell: Any) -> str | None:
    """Write a raw cell as text, the same for every file format; None where it is empty.

    Errors: ValueError for a list.
    """
    if cell is None:
        return None
    if isinstance(cell, bool | np.bool_):
        return str(cell).lower()
    if isinstance(cell, float | np.floating):
        return None if math.isnan(cell) else _spell_number(str(float(cell)))
    if isinstance(cell, list | tuple | dict | set | np.ndarray):
        raise ValueError(_a_list(cell))
    text = str(cell).strip()
    if text.isdecimal() and text.isascii():
        return text
    if NUMBER.fullmatch(text):
        return _spell_number(text)
    if LISTED.fullmatch(text):
        raise ValueError(_a_list(text))
    return text.lower() if text.lower() in ("true", "false") else text or None


@dataclass
class Tally:
    """Counts of the cells of a label column by spelling; at most about `MOST_LABELS` spellings are kept.

    many      more different labels than classes can have
    fraction, word  the first number with a fraction; the first label that is no number
    dotted    a whole number was written with a point
    """

    rows: int = 0
    empty: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    many: bool = False
    fraction: str | None = None
    word: str | None = None
    dotted: bool = False
    low: float = math.inf
    high: float = -math.inf
    total: float = 0.0
    numbers: int = 0

    def add(self, cell: Any) -> None:
        """Count one cell. Errors: ValueError for a list."""
        name = spell(cell)
        self.rows += 1
        if name is None:
            self.empty += 1
            return
        if name in self.counts or len(self.counts) <= MOST_LABELS or name in (*EMPTY, DISAGREED, UNLABELLED):
            self.counts[name] += 1
        else:
            self.many = True
        if NUMBER.fullmatch(name):
            self._add_number(name)
            self.dotted |= isinstance(cell, float) or "." in str(cell)
        elif self.word is None and name not in (*EMPTY, DISAGREED):
            self.word = name

    def _add_number(self, name: str) -> None:
        value = float(name)
        self.low, self.high = min(self.low, value), max(self.high, value)
        self.total += value
        self.numbers += 1
        if self.fraction is None and not WHOLE.fullmatch(name):
            self.fraction = name


def tally(cells: Iterable[Any]) -> Tally:
    """Count the cells of a column."""
    found = Tally()
    for cell in cells:
        found.add(cell)
    return found


def _spell_number(text: str) -> str:
    """Spell a number: whole ones without a point, others as Python does."""
    value = float(text)
    if not math.isfinite(value) or WHOLE.fullmatch(text):
        return "0" if text == "-0" else text
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _a_list(cell: Any) -> str:
    return f"holds a list of labels ({str(cell)[:40]}): several labels a row are not supported"
