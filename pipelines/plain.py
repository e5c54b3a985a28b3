"""Encoders that potstill did not make: a Hugging Face directory or hub name → where it is, and the task it answers."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from data.errors import NO_INPUT, PotstillError
from data.manifest import NAME
from data.readers.source import Source
from data.tasks.task import Task
from pipelines.inputs import Reading
from teacher_cache.fingerprint import TeacherFiles, check_labels, inspect_teacher


def find_plain(
    models: Mapping[str, Path], reading: Reading, source: Source | None = None
) -> tuple[dict[str, Path], dict[str, Task]]:
    """Find all models, and the tasks of those without potstill's manifest: name -> directory, name -> task.

    source: a labelled file they will be measured on; without one, only their number of logits matters.
    Errors: nothing there (NO_INPUT); a model whose labels are not those of the file.
    """
    found, tasks = dict(models), {}
    for name, place in models.items():
        if not (place / NAME).is_file():
            files = inspect_teacher(_named(place))
            found[name] = files.path
            tasks[name] = _width_of(files) if source is None else _task_of(files, reading, source)
    return found, tasks


def _named(place: Path) -> str:
    """A directory with a model in it, or a hub name."""
    if place.is_dir() and not (place / "config.json").is_file():
        raise PotstillError(f"{place} is no student and no teacher (no {NAME}, no config.json)", code=NO_INPUT)
    if not place.is_dir() and str(place).count("/") != 1:
        raise PotstillError(f"{place} is not there", hint="a directory, or ORGANISATION/NAME on the hub", code=NO_INPUT)
    return str(place)


def _task_of(files: TeacherFiles, reading: Reading, source: Source) -> Task:
    """What the file is for, with the classes in the order of the model's logits."""
    kind = reading.kind or ("regress" if files.outputs == 1 else None)
    labels = reading.labels or (_spelled(files.labels, reading, source) if files.labels and kind != "regress" else None)
    task = replace(reading, kind=kind, labels=labels).task(source)
    check_labels(files, task)
    return task


def _spelled(labels: tuple[str, ...], reading: Reading, source: Source) -> tuple[str, ...]:
    """The model's labels as the file writes them: `POSITIVE` may be `positive` there."""
    try:
        written = {name.casefold(): name for name in reading.task(source).labels}
    except PotstillError:  # a file that lacks classes does not tell their names
        written = {}
    return tuple(written.get(name.casefold(), name) for name in labels)


def _width_of(files: TeacherFiles) -> Task:
    names = files.labels or tuple(f"LABEL_{number}" for number in range(files.outputs))
    return Task("regress") if files.outputs == 1 else Task("classify", names)
