"""Files as a person names them → sources, examples and tasks for the phases."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from data import manifest
from data.errors import NO_INPUT, PotstillError
from data.example import Example
from data.readers.examples import infer_task, read
from data.readers.rows import format_of
from data.readers.source import Source
from data.tasks.task import Task

DEMO = "demo:"  # demo:train, demo:dev, demo:test and demo:unlabelled are the embedded reviews
DEMO_TEACHER = "demo"
REMOTE = ("hf:", "disk:")


@dataclass(frozen=True)
class Reading:
    """How to read the files of one dataset, and what task they are for; what is not said is found out from the file.

    text, pair, label  column names, or 0-based numbers where there is no header
    format             tsv, csv, jsonl, parquet, text or hub; else by the ending of the name
    header             whether the first line of a TSV or CSV file names its columns
    kind               classify or regress
    labels             the classes, in the order of the logits
    label_names        what the ids in the label column mean: `A`, `B` for 0, 1, or `1=A`, `2=B`
    """

    text: str | None = None
    pair: str | None = None
    label: str | None = None
    format: str | None = None
    header: bool | None = None
    kind: str | None = None
    labels: tuple[str, ...] | None = None
    label_names: tuple[str, ...] | None = None

    def source(self, path: str) -> Source:
        """Make a labelled source. Plain text has no columns, so none are asked of it."""
        made = Source(
            locate(path), self.format, self.text, self.pair, self.label, self.header, label_names=self.label_names
        )
        plain = replace(made, text=None, pair=None, label=None)
        return plain if format_of(plain) == "text" else made

    def unlabelled(self, path: str) -> Source:
        """Make a source whose labels are not looked at; a file of another ending is read as its own ending says."""
        return replace(self.source(path), label=None)

    def task(self, train: Source) -> Task:
        """Find out what the labelled file is for."""
        return infer_task(train, kind=self.kind, labels=self.labels)


def locate(path: str) -> str | Path:
    """Turn a name into a place: `demo:train` into the embedded file, a dataset address or a path into itself."""
    if path.startswith(DEMO):
        from data.demo_data import demo_files

        files, name = demo_files(), path.removeprefix(DEMO)
        if name not in files:
            raise PotstillError(
                f"no embedded data {path!r}", hint=f"there is: {', '.join(DEMO + key for key in files)}"
            )
        return files[name]
    return path if path.startswith(REMOTE) else Path(path)


def locate_teacher(name: str) -> str:
    """Turn `demo` into the folder of the offline teacher; a path or a hub name stays."""
    if name != DEMO_TEACHER or Path(name).exists():
        return name
    from data.demo_data import demo_teacher

    return str(demo_teacher())


def texts_of(sources: Sequence[Source], task: Task, *, split: str) -> Iterator[Example]:
    """Stream several files one after the other; the columns of the first are checked at once."""
    return chain.from_iterable(read(source, task, split=split) for source in sources)


def sealed(directory: Path) -> manifest.Manifest:
    """Open a sealed directory of any kind."""
    seal = manifest.seal_of(directory)
    if seal is None:
        where = "is not a finished directory" if directory.is_dir() else "is not there"
        raise PotstillError(f"{directory} {where} (no {manifest.NAME})", code=NO_INPUT)
    return manifest.read_manifest(directory, seal["kind"])
