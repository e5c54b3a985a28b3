"""Decide what a label column holds, from all its cells, by the same rule for every file format.

cells → `Tally` (counts by spelling) → `decide` → `LabelColumn`: class names, class ids, scores, or no labels

Whole numbers are class ids; numbers with a fraction are scores. No label: an empty cell, NaN, None; -1 beside ids
from 0 on; - beside words, as in SNLI. An ambiguous column is refused with the options that decide it.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from data.errors import BAD_DATA, PotstillError
from data.labels.cells import DISAGREED, EMPTY, MOST_LABELS, NUMBER, UNLABELLED, WHOLE, Tally, spell
from data.labels.names import SHOWN, quoted
from data.tasks.regress import LARGEST
from data.tasks.task import without_names

FEW = 20  # a column of whole numbers with more classes gets a note
NAMES, IDS, SCORES, NOTHING = "names", "ids", "scores", "nothing"

WORD = re.compile(r"(?=.*[^\W\d_]).{2,}", re.DOTALL)
SEVERAL = re.compile(r"[0-9]+(?:\s*[,;|]\s*[0-9]+)+")


@dataclass(frozen=True)
class LabelColumn:
    """What a label column holds.

    meaning      names, ids (whole numbers, named or not), scores, or nothing
    counts       class -> rows, in the order of the classes; empty for scores
    labelled, unlabelled  rows
    low, high, mean  of scores
    notes        sentences on what was decided in a way that a user might not expect
    """

    meaning: str
    counts: dict[str, int] = field(default_factory=dict)
    labelled: int = 0
    unlabelled: int = 0
    low: float = math.nan
    high: float = math.nan
    mean: float = math.nan
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.counts)

    @property
    def kind(self) -> str:
        """The kind of task that fits such a column."""
        return "regress" if self.meaning == SCORES else "classify"

    @property
    def sentence(self) -> str:
        """Write the column as a sentence: shares of the first eight classes or range of scores, and labelled rows."""
        rows = f"{self.labelled:,} labelled, {self.unlabelled:,} unlabelled"
        if self.meaning == NOTHING or not self.labelled:
            return rows
        if self.meaning == SCORES:
            return f"scores from {self.low:.4g} to {self.high:.4g}, mean {self.mean:.4g}; {rows}"
        shares = [f"{name} {count / self.labelled:.1%}" for name, count in list(self.counts.items())[:SHOWN]]
        more = f", … {len(self.counts) - SHOWN} more" if len(self.counts) > SHOWN else ""
        return f"{len(self.counts)} classes: {', '.join(shares)}{more}; {rows}"


def decide(
    found: Tally,
    *,
    kind: str | None = None,
    classes: Sequence[str] | None = None,
    names: Mapping[str, str] | None = None,
    where: str = "the label column",
) -> LabelColumn:
    """Decide whether a column holds class names, class ids, scores or no labels.

    kind     classify or regress, if the user chose one
    classes  the classes and their order, if the user or the file names them
    names    id -> name, if the user names them
    where    the column, for messages
    Errors: neither scores nor 2 to `MOST_LABELS` classes; an ambiguous column.
    """
    if without_names(kind):
        return _scores(found, where)
    said = tuple(classes or (names or {}).values())
    counts, notes = _without_nothing(found, {spell(name) or name for name in (*said, *(names or {}))}, where)
    if said:
        if len(said) == 1:
            raise PotstillError(f"one class only: {said[0]}", hint="--labels A,B,… names every class")
        if names and not classes:
            _refuse_unnamed(counts, names, where)
        return _column(IDS if names else NAMES, found, _named(counts, names or {}, said), said, notes)
    if kind is None:
        _refuse_unclear(found, counts, where)
        if found.fraction is not None and found.word is None:
            return _scores(found, where)
    _refuse_number_of_classes(found, counts, where)
    if not _words(counts):
        return _column(IDS, found, counts, sorted(counts, key=float), (*notes, *_said_of_ids(found, counts)))
    return _column(NAMES, found, counts, sorted(counts), notes)


def _without_nothing(found: Tally, said: Collection[str], where: str) -> tuple[dict[str, int], tuple[str, ...]]:
    """Drop spellings that mean "no label" here, except classes that the user named; return counts and notes."""
    counts = {name: count for name, count in found.counts.items() if name in said or name not in EMPTY}
    gone = [name for name in EMPTY if name in found.counts and name not in counts]
    for name, is_nothing in ((DISAGREED, _disagreed), (UNLABELLED, _unlabelled)):
        others = [other for other in counts if other not in (DISAGREED, UNLABELLED)]
        if name in counts and name not in said and (said or is_nothing(others, counts[name], where)):
            del counts[name]
            gone.append(name)
    return counts, tuple(
        f"{found.counts[name]:,} cells hold {name!r}, read as no label; if it is a class: "
        f"--labels {quoted([name, *(said or counts)][:SHOWN])}"
        for name in gone
    )


def _disagreed(others: Sequence[str], count: int, where: str) -> bool:
    """Tell whether `-` means no label: yes beside words, no beside other signs. Errors: beside numbers (ambiguous)."""
    if others and all(NUMBER.fullmatch(name) for name in others):
        raise PotstillError(
            f"{where}: {count:,} cells hold '-', beside {_listed(others)}: no label, or a class?",
            hint=f"no label: --labels {quoted(others)}; a class: --labels {quoted([*others, DISAGREED])}",
            code=BAD_DATA,
        )
    return all(WORD.fullmatch(name) for name in others)


def _unlabelled(others: Sequence[str], count: int, where: str) -> bool:
    """Tell whether -1 means no label: beside words, and beside two or more ids from 0 on."""
    ids = all(WHOLE.fullmatch(name) and not name.startswith("-") for name in others)
    return (ids and len(others) != 1) or all(WORD.fullmatch(name) for name in others)


def _scores(found: Tally, where: str) -> LabelColumn:
    words = [name for name in found.counts if not NUMBER.fullmatch(name) and name not in EMPTY]
    if words or (found.many and found.word):
        raise PotstillError(
            f"{where} holds {_listed(words or [str(found.word)])}, expected scores",
            hint="mend these cells, or say --kind classify",
            code=BAD_DATA,
        )
    if max(abs(found.low), abs(found.high)) > LARGEST and found.numbers:
        large = found.low if abs(found.low) > LARGEST else found.high
        raise PotstillError(f"{where}: the score {large:g} does not fit into float32", code=BAD_DATA)
    if not found.numbers or found.low == found.high == -1:
        return LabelColumn(NOTHING, unlabelled=found.rows)
    missing, mean = found.rows - found.numbers, found.total / found.numbers
    return LabelColumn(SCORES, {}, found.numbers, missing, found.low, found.high, mean)


def _refuse_unnamed(counts: Mapping[str, int], names: Mapping[str, str], where: str) -> None:
    """Refuse a column with a cell that is no id and no name of `--label-names`."""
    classes = list(names.values())
    others = [name for name in counts if name not in names and name not in classes]
    if not others:
        return
    ids = sorted((name for name in counts if WHOLE.fullmatch(name)), key=int)
    hint = "--label-names 1=A,2=B names each id by itself"
    if len(ids) == len(classes) and list(names) != ids:
        pairs = [f"{number}={name}" for number, name in zip(ids, classes, strict=True)]
        hint = f"if the ids begin at {ids[0]}: --label-names {quoted(pairs)}"
    raise PotstillError(
        f"{where} holds {_listed(others)}, the label names are for {_listed(list(names))}", hint=hint, code=BAD_DATA
    )


def _named(counts: Mapping[str, int], names: Mapping[str, str], classes: Sequence[str]) -> Counter[str]:
    """Count rows by class name. Cells of unknown classes are left out here and refused when the rows are read."""
    written = {spell(name): name for name in classes}
    rows: Counter[str] = Counter()
    for name, count in counts.items():
        rows[written.get(names.get(name, name), names.get(name, name))] += count
    return rows


def _column(
    meaning: str, found: Tally, rows: Mapping[str, int], classes: Sequence[str], notes: Sequence[str]
) -> LabelColumn:
    counts = {name: rows.get(name, 0) for name in classes}
    labelled = sum(counts.values())
    return LabelColumn(meaning, counts, labelled, found.rows - labelled, notes=tuple(notes))


def _refuse_unclear(found: Tally, counts: Mapping[str, int], where: str) -> None:
    """Raise where two meanings are equally likely; the hint names the option that decides."""
    if several := [name for name in counts if SEVERAL.fullmatch(name)]:
        raise PotstillError(
            f"{where} holds {_listed(several)}: several labels a row, or numbers with a decimal comma?",
            hint="several labels a row are not supported, a decimal comma must become a point; names: --kind classify",
            code=BAD_DATA,
        )
    infinite = [name for name in counts if name.lstrip("+-").lower() in ("inf", "infinity")]
    if (found.fraction is not None and found.word is not None) or (infinite and found.numbers):
        words = _listed(_words(counts) or infinite)
        raise PotstillError(
            f"{where} holds numbers ({found.fraction or 'whole ones'}) and words ({words}): scores or classes?",
            hint="classes: --kind classify; scores: make the words empty cells, --kind regress",
            code=BAD_DATA,
        )
    if found.word is None and found.fraction is None and _neither(found, counts):
        how_many = f"{len(counts):,}" if len(counts) <= MOST_LABELS else f"more than {MOST_LABELS:,}"
        raise PotstillError(
            f"{where} holds {how_many} whole numbers in {found.numbers:,} rows: scores or classes?",
            hint="scores: --kind regress; classes: --kind classify (or --label NAME names another column)",
            code=BAD_DATA,
        )


def _neither(found: Tally, counts: Mapping[str, int]) -> bool:
    """Tell whether whole numbers may be scores, not class ids: too many, or with gaps and hardly any repeats."""
    if len(counts) > MOST_LABELS:
        return True
    gaps = found.high - found.low + 1 > len(counts)
    return len(counts) > FEW and gaps and found.numbers < 2 * len(counts)


def _refuse_number_of_classes(found: Tally, counts: Mapping[str, int], where: str) -> None:
    if found.many or not 1 < len(counts) <= MOST_LABELS:
        several = found.many or len(counts) > 1
        what = f"more than {MOST_LABELS} different labels" if several else f"labels {sorted(counts)}"
        raise PotstillError(
            f"{where} holds {what}, expected 2 to {MOST_LABELS} classes",
            hint="say --label NAME, or --labels A,B,… with every class",
            code=BAD_DATA,
        )


def _said_of_ids(found: Tally, counts: Mapping[str, int]) -> list[str]:
    """Notes for whole numbers that a user may have meant as scores."""
    if len(counts) <= FEW and not (found.dotted and found.empty == 0):
        return []
    first, *_, last = sorted(counts, key=float)
    return [f"the {len(counts)} whole numbers {first} to {last} are classes; as scores: --kind regress"]


def _words(counts: Mapping[str, int]) -> list[str]:
    return [name for name in counts if not NUMBER.fullmatch(name)]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:4])) + (", …" if len(names) > 4 else "")
