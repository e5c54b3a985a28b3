"""Which column holds the text, the second text and the label: by name, or by looking at the first rows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data.errors import BAD_DATA, PotstillError
from data.readers.source import Row, Source

SAMPLE = 200  # rows looked at
SHORT = 30  # a label is not longer (characters)
FEW = 20  # distinct labels a guess believes in

# Names of common datasets (GLUE, SNLI, QNLI, SetFit, IMDB, Amazon, Yelp, …), compared without regard to case.
PAIRS = (
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
    ("#1 string", "#2 string"),
    ("question", "sentence"),
    ("text1", "text2"),
    ("text_a", "text_b"),
    ("sentence_a", "sentence_b"),
    ("text", "pair"),
)
TEXTS = ("sentence", "text", "review", "content", "document", "sentence1", "question", "comment", "tweet", "utterance")
LABELS = (
    "label",
    "labels",
    "gold_label",
    "quality",
    "is_duplicate",
    "score",
    "class",
    "sentiment",
    "rating",
    "target",
    "polarity",
    "similarity_score",
    "relatedness_score",
    "stars",
    "category",
    "intent",
)
KNOWN = frozenset(TEXTS + LABELS + tuple(name for pair in PAIRS for name in pair))


@dataclass(frozen=True)
class Columns:
    """Keys of `Row.values`; `pair` and `label` are None where the source has none."""

    text: str
    pair: str | None = None
    label: str | None = None


def has_header(source: Source, first: Sequence[str]) -> bool:
    """Tell whether a file's first line names its columns: it holds a name the user gave or a well-known one."""
    if source.header is not None:
        return source.header
    if source.asked:
        return not all(name.isdigit() for name in source.asked)
    return any(cell.strip().casefold() in KNOWN for cell in first)


def header_names(source: Source, first: Sequence[str]) -> list[str]:
    """Clean the names of a header line; two equal names are refused."""
    names = [cell.strip() for cell in first]
    for name in names:
        if names.count(name) > 1:
            raise PotstillError(f"{source.at(1)}: two columns are named {name!r}", code=BAD_DATA)
    return names


def resolve(source: Source, sample: Sequence[Row]) -> Columns:
    """Find the columns of a source from what the user named, well-known names and the first rows."""
    if not sample:
        raise PotstillError(f"{source.path} holds no rows", code=BAD_DATA)
    names = list(sample[0].values)
    for option, name in (("text", source.text), ("pair", source.pair), ("label", source.label)):
        if name is not None and name not in names:
            raise PotstillError(f"{source.path} has no column {name!r} for --{option}", hint=_listing(names))
    if len(names) == 1:
        return Columns(names[0])
    if names[0] == "0" and all(name.isdigit() for name in names):
        return _by_content(source, names, sample)
    return _by_name(source, names)


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


def _by_name(source: Source, names: list[str]) -> Columns:
    free = {name.casefold(): name for name in names if name not in source.asked}
    text, pair = source.text, source.pair
    if text is None:
        text, pair = _known_texts(free, pair)
    label = source.label or free.get("label") or _only(free, LABELS, "label", names)
    if text is None:
        left = [name for name in names if name not in (label, pair)]
        text = left[0] if len(left) == 1 else _only(free, TEXTS, "text", names)
    if text is None:
        raise PotstillError(f"{source.path}: which column holds the text?", hint=_listing(names))
    return Columns(text, pair, label)


def _known_texts(free: Mapping[str, str], pair: str | None) -> tuple[str | None, str | None]:
    """Find a well-known pair of names; with `pair` given, the name that goes with it."""
    for left, right in PAIRS:
        if left in free and (right in free if pair is None else right == pair.casefold()):
            return free[left], pair or free[right]
    return None, pair


def _only(free: Mapping[str, str], known: Sequence[str], option: str, names: list[str]) -> str | None:
    found = [free[name] for name in known if name in free]
    if len(found) > 1:
        raise PotstillError(
            f"which column holds the {option}: {' or '.join(found)}? Say --{option} NAME", hint=_listing(names)
        )
    return found[0] if found else None


def _by_content(source: Source, names: list[str], sample: Sequence[Row]) -> Columns:
    """Choose among numbered columns: the label is the one with few short values, the texts are the wordy ones."""
    values = {name: [row.values[name] for row in sample] for name in names}
    label = source.label
    if label is None:
        label = _label_column({name: values[name] for name in names if name not in source.asked}, source, names)
    texts = [source.text] if source.text else [name for name in names if name != label and _wordy(values[name])]
    if source.pair:
        texts = [*(name for name in texts if name != source.pair), source.pair]
    if not 1 <= len(texts) <= 2:
        raise PotstillError(f"{source.path}: which of {len(names)} columns holds the text?", hint=_listing(names))
    if label is not None and source.header is None and not source.asked:
        _refuse_unseen_header(source, label, values[label], names)
    return Columns(texts[0], texts[1] if len(texts) == 2 else None, label)


def _label_column(values: Mapping[str, list[Any]], source: Source, names: list[str]) -> str | None:
    found = [name for name in values if label_like(values[name])]
    if len(found) > 1:
        found = [name for name in found if all(number(str(value)) is not None for value in values[name])] or found
    if len(found) > 1:
        raise PotstillError(
            f"{source.path}: no header, and columns {' and '.join(found)} may both be the label",
            hint=_listing(names),
            code=BAD_DATA,
        )
    return found[0] if found else None


def _wordy(values: Sequence[Any]) -> bool:
    return any(number(str(value)) is None for value in values)


def _refuse_unseen_header(source: Source, label: str, values: list[Any], names: list[str]) -> None:
    """A header of unknown names would become a row with a class of its own: ask instead."""
    if len(values) >= 10 and values[0] not in values[1:] and number(str(values[0])) is None:
        raise PotstillError(
            f"{source.at(1)}: is this a header or a row? {values[0]!r} stands in its column {label} only once",
            hint=f"a header: --text NAME --label NAME; a row: --text N --label N ({_listing(names)})",
            code=BAD_DATA,
        )


def _listing(names: list[str]) -> str:
    numbered = names[0] == "0"
    return f"columns: {', '.join(names)}{' (no header)' if numbered else ''}; options: --text, --pair, --label"
