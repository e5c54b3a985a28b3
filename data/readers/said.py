"""Report what was read from a file: one line for a person, plain values for a manifest.

`FileTally` counts while the rows are read, so that no extra pass is needed; `Heard` reports each file once.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from data.example import Label
from data.labels.meaning import NAMES, SCORES, LabelColumn
from data.progress import Progress
from data.readers.source import BadRow, Source
from data.tasks.task import Task

KEY = "files"  # of a manifest's report
TAKEN = ("text", "pair", "label")
NAMED = 3  # skipped rows shown with their line
CELL = 40  # characters of a sample cell


@dataclass(frozen=True)
class FileReport:
    """Report on one file that was read.

    role      train, dev, test, unlabelled or exclude
    form      format, delimiter and compression: `CSV, semicolon, gzip`
    columns   text, pair, label -> the column taken
    samples   the first cells of them, where neither the user nor a header named the columns
    first     only so many rows were read; 0: all
    classes   class -> labelled rows; scores: lowest, highest, mean
    skipped   reason -> rows left out, `bad` names the first ones with their lines
    """

    role: str
    path: str
    form: str
    columns: dict[str, str]
    kind: str
    samples: tuple[str, ...] = ()
    rows: int = 0
    first: int = 0
    labelled: int = 0
    unlabelled: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    scores: tuple[float, ...] = ()
    skipped: dict[str, int] = field(default_factory=dict)
    bad: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """Write the report as one line."""
        texts = "pairs of texts" if "pair" in self.columns else "one text"
        what = f"{self.role} {self.path}: {self.form}; {self._taken()}; {self.kind}, {texts}"
        return f"{what}; {self._rows()}{self._skipped()}"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values without empty fields; classes as pairs, since a manifest sorts the keys of objects."""
        values = asdict(self) | {"classes": [list(item) for item in self.classes.items()]}
        return {key: value for key, value in values.items() if value not in ({}, (), [], 0)}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "FileReport":
        plain: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        columns = {role: plain["columns"][role] for role in TAKEN if role in plain["columns"]}
        return FileReport(**(plain | {"columns": columns, "classes": dict(plain.get("classes", ()))}))

    def _taken(self) -> str:
        taken = ", ".join(f"{role} = {column}" for role, column in self.columns.items())
        return f"{taken} (by their content: {', '.join(self.samples)})" if self.samples else taken

    def _rows(self) -> str:
        rows = f"the first {self.rows:,} rows" if self.first and self.rows == self.first else f"{self.rows:,} rows"
        if "label" not in self.columns:
            return rows
        low, high, mean = self.scores or (math.nan, math.nan, math.nan)
        meaning = SCORES if self.scores else NAMES
        labels = LabelColumn(meaning, self.classes, self.labelled, self.unlabelled, low, high, mean)
        return f"{rows}; {labels.sentence}"

    def _skipped(self) -> str:
        if not self.skipped:
            return ""
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.skipped.items())
        more = ", …" if sum(self.skipped.values()) > len(self.bad) else ""
        return f"; skipped {sum(self.skipped.values()):,} ({reasons}: {', '.join(self.bad)}{more})"


class FileTally:
    """Counts the rows of one file while they are read: by class, or the range of the scores."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._classes = [0] * len(task.labels)
        self._scores = [math.inf, -math.inf, 0.0]  # lowest, highest, sum
        self._labelled = self._unlabelled = 0
        self._skipped: Counter[str] = Counter()
        self._bad: list[str] = []

    def add(self, label: Label | None) -> None:
        """Count a row by its label."""
        if label is None:
            self._unlabelled += 1
            return
        self._labelled += 1
        if self._classes:
            self._classes[label] += 1  # type: ignore[index]
        else:
            score, (low, high, total) = float(label), self._scores  # type: ignore[arg-type]
            self._scores = [min(low, score), max(high, score), total + score]

    def skip(self, bad: BadRow) -> None:
        """Count a row that is left out."""
        self._skipped[bad.reason] += 1
        if len(self._bad) < NAMED:
            self._bad.append(f"line {bad.line}")

    def report(self, source: Source, about: Mapping[str, Any]) -> FileReport:
        """Make the report. about: role, form, columns, samples and first."""
        low, high, total = self._scores
        return FileReport(
            path=str(source.path),
            kind=self._task.kind,
            rows=self._labelled + self._unlabelled,
            labelled=self._labelled,
            unlabelled=self._unlabelled,
            classes=dict(zip(self._task.labels, self._classes, strict=True)) if self._labelled else {},
            scores=(low, high, total / self._labelled) if high > -math.inf else (),
            skipped=dict(self._skipped.most_common()),
            bad=tuple(self._bad),
            **about,
        )


class Heard:
    """Takes the report of every file: shows it once as a note, and keeps it for a manifest."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.reports: list[FileReport] = []

    def __call__(self, report: FileReport) -> None:
        if report not in self.reports:
            self.reports.append(report)
            self._progress.note(report.line)

    def recall(self, report: Mapping[str, Any]) -> None:
        """Show the reports of files that a finished directory's manifest has and that were not read again."""
        read = {found.role for found in self.reports}
        for found in map(FileReport.from_dict, report.get(KEY, [])):
            if found.role not in read:
                self(found)

    def values(self) -> list[dict[str, Any]]:
        """Return the reports as JSON values, for `files` in a manifest's report."""
        return [report.to_dict() for report in self.reports]


def sample_cell(text: Any) -> str:
    """Shorten a cell to be shown on one line, between quotes."""
    words = " ".join(str(text).split())
    return f"“{words[: CELL - 1]}…”" if len(words) > CELL else f"“{words}”"
