"""How a user says that the files of one dataset are to be read. Imports nothing heavy: `potstill --help` reads it."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from data.errors import PotstillError
from data.progress import Progress
from pipelines.inputs.addresses import OF_A_FILE, said_of, with_said

if TYPE_CHECKING:
    from data.readers.source import Source
    from data.tasks.task import Task


@dataclass(frozen=True)
class Reading:
    """How to read the files of one dataset, and what task they are for; what is not said is found out from the file.

    text         column of the text, by name or by number from 0; several with + between make one text
    pair         column of the second text
    label        column of the label
    format       file format: tsv, csv, jsonl, parquet, text or hub; else by the ending of the name
    header       whether the first line of a TSV or CSV file names its columns
    delimiter    what stands between two cells: comma, semicolon, tab, pipe or one character
    skip_bad     leave out rows that cannot be used, and count them; else the first one is refused
    kind         kind of task: classify or regress
    labels       the classes, in the order of the logits
    label_names  what the ids in the label column mean: `A,B` for 0, 1, or `1=A,2=B`, or a file of them, one a line
    positive     the class that F1 is of
    """

    text: str | None = None
    pair: str | None = None
    label: str | None = None
    format: str | None = None
    header: bool | None = None
    delimiter: str | None = None
    skip_bad: bool = False
    kind: str | None = None
    labels: tuple[str, ...] | None = None
    label_names: tuple[str, ...] | None = None
    positive: str | None = None

    def source(self, path: str) -> "Source":
        """Make a labelled source of `FILE` or `FILE::text=2,label=0`: columns given for the file itself win.

        Plain text has no columns, so none are asked of it.
        """
        from data.readers.rows import format_of
        from data.readers.source import Source
        from pipelines.inputs.places import locate

        said = said_of(path)[1]
        general = {name: getattr(self, name) for name in (*OF_A_FILE, "skip_bad", "label_names")}
        made = Source(locate(path), **(general | said))
        plain = replace(made, text=None, pair=None, label=None)
        return plain if format_of(plain) == "text" and not said else made

    def unlabelled(self, path: str) -> "Source":
        """Make a source whose labels are not looked at; a file of another ending is read as its own ending says."""
        return replace(self.source(path), label="")

    def __post_init__(self) -> None:
        from data.tasks.task import Task

        Task("classify", self.labels or ())  # refuses a class that is named twice

    def check(self, task: "Task", whose: str) -> None:
        """Raise if the user's `labels` or `kind` differ from those of an existing task."""
        for option, said, has in (("--labels", self.labels, task.labels), ("--kind", self.kind, task.kind)):
            if said and said != has:
                here, there = [value if isinstance(value, str) else ", ".join(value) for value in (said, has)]
                raise PotstillError(
                    f"{option} says {here}, {whose} has {there or 'no classes'}",
                    hint=f"leave out {option}; what the ids of a file mean is said by --label-names A,B,…",
                )

    def address(self, source: "Source", *, unlabelled: bool = False) -> str:
        """Write a source as a path, with the columns given for this file appended."""
        general = self.unlabelled(str(source.path)) if unlabelled else self.source(str(source.path))
        own = {name: getattr(source, name) for name in OF_A_FILE if getattr(source, name) != getattr(general, name)}
        return with_said(str(source.path), own)

    def task(self, train: "Source", progress: Progress | None = None) -> "Task":
        """Find the task of the labelled file; print decisions that a user might not expect."""
        from data.readers.examples import find_task

        task, column = find_task(train, kind=self.kind, labels=self.labels)
        if progress:
            for note in column.notes:
                progress.note(f"{train.path}: {note}")
        return replace(task, positive=self.positive or "")
