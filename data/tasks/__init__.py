"""Kinds of task, one a file, the table of them, and the metrics."""

from data.tasks.classify import CLASSIFY
from data.tasks.kind import Kind
from data.tasks.regress import REGRESS

KINDS: dict[str, Kind] = {"classify": CLASSIFY, "regress": REGRESS}
OF_CLASSES = tuple(name for name, kind in KINDS.items() if kind.softmax_over == "classes")
