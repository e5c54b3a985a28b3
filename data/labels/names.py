"""Names of label ids (`--label-names` or a file's metadata), and reading a cell as a label of a known task.

An id without a given name is its own name. It is never used as an index into the task's label names.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from data.errors import PotstillError
from data.example import Label
from data.labels.cells import DISAGREED, EMPTY, UNLABELLED, WHOLE, spell
from data.tasks.task import Task

SHOWN = 8  # classes named in a message
PAIR = re.compile(r"(-?[0-9]+)\s*=\s*(.+)")


def label_reader(
    task: Task, names: Mapping[str, str] | None = None, ids: Mapping[str, str] | None = None
) -> Callable[[Any], Label | None]:
    """Return a function that reads one cell as a label of a task.

    names: id -> name, from `--label-names`. ids: name -> id, from the file's metadata (its cells hold names by now).
    The function raises ValueError(what, hint).
    """
    back = {name: number for number, name in (names or {}).items()} | dict(ids or {})
    classes: dict[str | None, int] = {spell(label) or label: number for number, label in enumerate(task.labels)}
    meanings: dict[str, Label | None] = {}

    def find(name: str) -> Label | None:
        for candidate in ((names or {}).get(name), name, back.get(name)):
            if candidate in classes:
                return classes[candidate]
        if name in (*EMPTY, DISAGREED, UNLABELLED):
            return None
        raise _unknown(name, task)

    def read(cell: Any) -> Label | None:
        name = spell(cell)
        if name is None:
            return None
        if not task.labels:
            return None if name in (*EMPTY, DISAGREED) else task.rules.parse_label(name, ())
        if name not in meanings:
            meanings[name] = find(name)
        return meanings[name]

    return read


def id_names(items: Sequence[str]) -> dict[str, str]:
    """Parse `--label-names`: `A,B,C` names the ids from 0 on, `1=A,2=B` each id by itself."""
    pairs = [PAIR.fullmatch(item.strip()) for item in items]
    if items and all(pairs):
        found = [(str(int(pair[1])), pair[2].strip()) for pair in pairs if pair]
    else:
        found = [(str(number), item.strip()) for number, item in enumerate(items)]
    for number, what in enumerate(("id", "name")):
        given = [pair[number] for pair in found]
        if twice := [value for value, count in Counter(given).items() if count > 1 or not value]:
            raise PotstillError(
                f"label names: the {what} {twice[0]!r} {'is empty' if not twice[0] else 'is given twice'}",
                hint="--label-names A,B,C names the ids 0, 1, 2; --label-names 1=A,2=B each id by itself",
            )
    return dict(found)


def ask_names(classes: Sequence[str]) -> str:
    """Make the hint for a file with ids where the task's classes have names: a `--label-names` option to type."""
    order = ", ".join(f"{number} is {name}" for number, name in enumerate(classes[:4]))
    more = " and so on" if len(classes) > 4 else ""
    return f"say what the ids of this file mean; if {order}{more}: --label-names {quoted(classes)}"


def quoted(names: Sequence[str]) -> str:
    """Join names by commas and quote them for a shell."""
    text = ",".join(names)
    return text if re.fullmatch(r"[\w.,+/:@%=-]+", text) else "'" + text.replace("'", "'\\''") + "'"


def _unknown(name: str, task: Task) -> ValueError:
    listed = ", ".join(task.labels[:SHOWN]) + (", …" if len(task.labels) > SHOWN else "")
    if WHOLE.fullmatch(name) and not any(WHOLE.fullmatch(label) for label in task.labels):
        return ValueError(f"holds the id {name}, the classes are {listed}", ask_names(task.labels))
    return ValueError(f"label {name!r} is none of {listed}", "")


def match_names(ours: Sequence[str], theirs: Sequence[str]) -> list[int | None]:
    """Find the index of each of our names among theirs; None where it is missing.

    Names are compared exactly; else regardless of case and blanks, if all names still differ then.
    """
    for form in (str, _folded):
        mine, others = [form(name) for name in ours], [form(name) for name in theirs]
        found = [others.index(name) if name in others else None for name in mine]
        if None not in found and len(set(mine)) == len(mine) and len(set(others)) == len(others):
            return list(found)
    return [theirs.index(name) if name in theirs else None for name in ours]


def _folded(name: str) -> str:
    """Drop case, blanks and underscores of a name."""
    return re.sub(r"[\s_]+", "", name.casefold()) or name
