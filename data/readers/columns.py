"""Which column holds the text, the second text and the label: by name, or by looking at the first rows."""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from shlex import quote
from typing import Any

from data.errors import BAD_DATA, PotstillError
from data.readers.known import KNOWN, LABELS, PAIRS, TEXTS
from data.readers.source import JOIN, Row, Source, joined_parts

SAMPLE = 200  # rows looked at
SHORT = 30  # a label is not longer (characters)
FEW = 20  # a column with more distinct values is not guessed to be the label


@dataclass(frozen=True)
class Columns:
    """Keys of `Row.values`; `pair` and `label` are None where the source has none.

    text, pair  one column, or several that are joined by a blank: `title+description`
    guessed     neither the user nor a header named them: they were chosen by their values
    texts, pairs  the single columns of text and pair
    """

    text: str
    pair: str | None = None
    label: str | None = None
    guessed: bool = field(default=False, compare=False)
    texts: tuple[str, ...] = field(default=(), compare=False)
    pairs: tuple[str, ...] = field(default=(), compare=False)


def has_header(source: Source, first: Sequence[str]) -> bool:
    """Tell whether a file's first line names its columns: it holds a name the user gave or a well-known one."""
    if source.header is not None:
        return source.header
    if source.asked:
        return not all(name.isdigit() for name in source.asked)
    return any(cell.strip().casefold() in KNOWN for cell in first)


def header_names(source: Source, first: Sequence[str]) -> list[str]:
    """Return the column names of a header line; an empty name becomes the column's number, equal names are refused."""
    names = [cell.strip() or str(index) for index, cell in enumerate(first)]
    for name in names:
        if names.count(name) > 1:
            raise PotstillError(f"{source.at(1)}: two columns are named {name!r}", code=BAD_DATA)
    return names


def resolve(source: Source, sample: Sequence[Row], *, pair: bool = False) -> Columns:
    """Find the columns of a source from what the user named, well-known names and the first rows.

    pair: whether the task needs two texts; if not, two text columns without a header are joined to one text.
    """
    rows = [row for row in sample if row.fault is None]
    if not rows:
        if sample and sample[0].fault:
            raise sample[0].fault.error
        raise PotstillError(f"{source.path} holds no rows", code=BAD_DATA)
    names = list(rows[0].values)
    if not names:
        raise PotstillError(f"{source.at(rows[0].line)}: an object without keys, expected columns", code=BAD_DATA)
    numbered = names[0] == "0" and all(name.isdigit() for name in names)
    if numbered and source.header is None and source.asked:
        _refuse_header_as_row(source, rows)
    source = replace(
        source,
        text=_find(source, "text", source.text, names),
        pair=_find(source, "pair", source.pair, names),
        label=_find(source, "label", source.label, names) if source.label else source.label,
    )
    if len(names) == 1:
        found = Columns(names[0])
    else:
        found = _by_content(source, names, rows, pair) if numbered else _by_name(source, names, rows)
    if source.label == "":
        found = replace(found, label=None)
    return replace(found, texts=_single(found.text, names), pairs=_single(found.pair, names) if found.pair else ())


def _single(column: str, names: Sequence[str]) -> tuple[str, ...]:
    """Split `title+description` into its columns; a column whose own name has a + stays one."""
    return (column,) if column in names else joined_parts(column)


def label_like(values: Sequence[Any]) -> bool:
    """Tell whether a column's values look like labels: few, short, and repeated; or real numbers."""
    texts = [str(value).strip() for value in values if value is not None]
    if not texts or max(map(len, texts)) > SHORT:
        return False
    if all(number(text) is not None for text in texts) and any("." in text for text in texts):
        return True
    return len(set(texts)) <= min(FEW, max(2, len(texts) // 2))


def number(text: str) -> float | None:
    """Read a finite number, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _find(source: Source, option: str, said: str | None, names: list[str]) -> str | None:
    """Find the column that an option names: by name, by 0-based number, or several of these joined by +."""
    if said is None or said in names:
        return said
    parts = (said,) if option == "label" else joined_parts(said)
    found = [_numbered(part, names) for part in parts]
    if None not in found:
        return JOIN.join(part for part in found if part)
    missing = next(part for part, name in zip(parts, found, strict=True) if name is None)
    close = (difflib.get_close_matches(missing, names, 1) or names)[0]
    raise PotstillError(
        f"{source.path} has no column {missing!r} for --{option}",
        hint=_listing(
            names, f"--{option} {quote(close)}; for this file alone {quote(f'{source.path}::{option}={close}')}"
        ),
    )


def _numbered(part: str, names: list[str]) -> str | None:
    if part in names:
        return part
    at = int(part) if part.isascii() and part.isdigit() and len(part) < 6 else len(names)
    return names[at] if at < len(names) else None


def _by_name(source: Source, names: list[str], rows: Sequence[Row]) -> Columns:
    free = {name.casefold(): name for name in names if name not in source.asked}
    text, pair = source.text, source.pair
    if text is None:
        text, pair = _known_texts(free, pair)
    label = source.label or free.get("label")
    if not label and (source.label is None or text is None):
        label = _only(source, free, LABELS, "label", names)
    if text is None:
        left = [name for name in names if name not in (label, pair)]
        text = left[0] if len(left) == 1 else _only(source, free, TEXTS, "text", names)
    if text is None:
        wordy = [name for name in left if _wordy([row.values[name] for row in rows])] or left or names
        joined = f"; several make one text: --text {quote(JOIN.join(wordy))}" if len(wordy) > 1 else ""
        raise PotstillError(
            f"{source.path}: which column holds the text?", hint=_listing(names, f"--text {quote(wordy[0])}{joined}")
        )
    return Columns(text, pair, label)


def _known_texts(free: Mapping[str, str], pair: str | None) -> tuple[str | None, str | None]:
    """Find a well-known pair of names; with `pair` given, the name that goes with it."""
    for left, right in PAIRS:
        if left in free and (right in free if pair is None else right == pair.casefold()):
            return free[left], pair or free[right]
    return None, pair


def _only(source: Source, free: Mapping[str, str], known: Sequence[str], option: str, names: list[str]) -> str | None:
    found = [free[name] for name in known if name in free]
    if len(found) > 1:
        one = quote(found[0])
        text = source.text or next((name for name in names if name not in found), found[0])
        raise PotstillError(
            f"{source.path}: which column holds the {option}: {' or '.join(found)}?",
            hint=_listing(names, f"--text {quote(text)} --label {one}" if option == "label" else f"--text {one}"),
        )
    return found[0] if found else None


def _by_content(source: Source, names: list[str], rows: Sequence[Row], pair: bool) -> Columns:
    """Choose among columns without names: few short values make a label, many words a text."""
    values = {name: [row.values[name] for row in rows] for name in names}
    label = source.label
    if label is None or not (label or source.text):
        label = _label_column({name: values[name] for name in names if name not in source.asked}, source, names)
    if source.text:
        return Columns(source.text, source.pair, label or None, guessed=source.label is None and label is not None)
    wordy = [name for name in names if name != label and _wordy(values[name])]
    texts = wordy if pair and len(wordy) == 2 else _with_blanks(wordy, values)
    texts = [name for name in texts if name != source.pair]
    if not 1 <= len(texts) <= (1 if source.pair else 2):
        joined = JOIN.join(texts or wordy or names[:1])
        raise PotstillError(
            f"{source.path}: which of {len(names)} columns holds the text?", hint=_listing(names, f"--text {joined}")
        )
    if label is not None and source.header is None and not source.asked:
        _refuse_unseen_header(source, label, texts, rows)
    if source.pair or (pair and len(texts) == 2):
        return Columns(texts[0], source.pair or texts[1], label, guessed=True)
    return Columns(JOIN.join(texts), None, label, guessed=True)


def _label_column(values: Mapping[str, list[Any]], source: Source, names: list[str]) -> str | None:
    found = [name for name in values if label_like(values[name])]
    if len(found) > 1:
        found = [name for name in found if all(number(str(value)) is not None for value in values[name])] or found
    if len(found) > 1:
        raise PotstillError(
            f"{source.path}: no header, and columns {' and '.join(found)} may both be the label",
            hint=_listing(names, f"--label {found[0]}"),
            code=BAD_DATA,
        )
    return found[0] if found else None


def _wordy(values: Sequence[Any]) -> bool:
    return any(number(str(value)) is None for value in values)


def _with_blanks(wordy: list[str], values: Mapping[str, list[Any]]) -> list[str]:
    """Of several text-like columns drop those of single words (ids, user names), unless all are like that."""
    several = [name for name in wordy if any(" " in str(value).strip() for value in values[name])]
    return several or wordy


def _refuse_unseen_header(source: Source, label: str, texts: Sequence[str], rows: Sequence[Row]) -> None:
    """Refuse a first row that may be a header: as a row it would become a class of its own."""
    first, *others = (row.values[label] for row in rows)
    if len(others) >= 9 and first not in others and number(str(first)) is None:
        named = JOIN.join(str(rows[0].values[text]) for text in texts)
        raise PotstillError(
            f"{source.at(rows[0].line)}: is this a header or a row? {first!r} stands in its column {label} only once",
            hint=f"a header: --text {quote(named)} --label {quote(str(first))}; "
            f"a row: --text {JOIN.join(texts)} --label {label}",
            code=BAD_DATA,
        )


def _refuse_header_as_row(source: Source, rows: Sequence[Row]) -> None:
    """Refuse a first row of well-known column names where columns are given by number: is it a header or a row?"""
    for column in source.asked:
        first, *others = (str(row.values.get(column, "")).strip() for row in rows)
        if others and first.casefold() in KNOWN and first not in others:
            raise PotstillError(
                f"{source.at(rows[0].line)}: is this a header or a row? {first!r} stands in its column {column}",
                hint="a header: --header; a row: --no-header",
                code=BAD_DATA,
            )


def _listing(names: list[str], say: str) -> str:
    numbered = names[0] == "0"
    return f"columns: {', '.join(names)}{' (no header)' if numbered else ''}; say {say}"
