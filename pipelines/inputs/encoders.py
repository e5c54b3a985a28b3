"""Encoders without potstill's manifest: a Hugging Face directory or hub name → its directory and its task."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from data import store
from data.errors import NO_INPUT, PotstillError
from data.guards.model import find_model
from data.guards.sizes import DEPTHS
from data.guards.untrusted import read_json
from data.layout import CONFIG, MANIFEST
from data.readers.identity import SCRATCH_SIZE, is_scratch
from data.readers.source import Source
from data.tasks.task import Task, without_names
from pipelines.inputs.reading import Reading
from teacher_cache.teacher.classes import Classes, match_classes
from teacher_cache.teacher.files import TeacherFiles, inspect_teacher


def find_plain(
    models: Mapping[str, Path], reading: Reading, source: Source | None = None
) -> tuple[dict[str, Path], dict[str, Task], frozenset[str]]:
    """Find all models, and the tasks of those without potstill's manifest.

    Returns name -> directory, name -> task, and the names of models whose config does not name their classes.
    source: a labelled file they will be measured on; without one, only their number of logits matters.
    Errors: nothing there (NO_INPUT); a model whose labels are not those of the file; --labels or --kind that are not
    those of a model of potstill's.
    """
    found, tasks, unnamed = dict(models), {}, set()
    for name, place in models.items():
        if (place / MANIFEST).is_file():
            if reading.labels or reading.kind:
                reading.check(Task.from_dict(store.read_json(place / MANIFEST)["task"]), str(place))
            continue
        files = inspect_teacher(_named(place))
        found[name] = files.path
        if source is None:
            names = files.labels or tuple(f"LABEL_{number}" for number in range(files.outputs))
            tasks[name] = Task("regress") if files.outputs == 1 else Task("classify", names)
            continue
        classes = _classes_of(files, reading, source)
        tasks[name] = replace(classes.task, labels=classes.names)
        if not classes.named and not reading.labels:
            unnamed.add(name)
    return found, tasks, frozenset(unnamed)


def depth_of(encoder: str) -> int:
    """How many layers an encoder has: a folder, a hub name or `scratch:LAYERSxWIDTH`. Errors: none that says so."""
    if is_scratch(encoder):
        return int((encoder.partition(":")[2] or SCRATCH_SIZE).partition("x")[0])
    config = read_json(find_model(encoder) / CONFIG)
    found = next((config[name] for name in DEPTHS if isinstance(config.get(name), int)), 0)
    if not found:
        raise PotstillError(f"{encoder}: its {CONFIG} names no number of layers", hint="name the signals in [cache]")
    return found


def _named(place: Path) -> str:
    """A directory with a model in it, or a hub name."""
    if place.is_dir() and not (place / CONFIG).is_file():
        raise PotstillError(f"{place} is no student and no teacher (no {MANIFEST}, no {CONFIG})", code=NO_INPUT)
    if not place.is_dir() and str(place).count("/") != 1:
        raise PotstillError(f"{place} is not there", hint="a directory, or ORGANISATION/NAME on the hub", code=NO_INPUT)
    return str(place)


def _classes_of(files: TeacherFiles, reading: Reading, source: Source) -> Classes:
    """Which output is which class of the file, by name; `--labels` names the outputs in their order."""
    kind = reading.kind or ("regress" if files.outputs == 1 else None)
    task = _task_of(files, replace(reading, kind=kind), source)
    classes = match_classes(files, task, option="--labels")
    if reading.labels and files.labels and classes.names[: len(reading.labels)] != reading.labels:
        raise PotstillError(
            f"the model's classes stand in another order: model {', '.join(files.labels)}; --labels "
            f"{', '.join(reading.labels)}",
            hint="leave out --labels: its classes are found by name",
        )
    return classes


def _task_of(files: TeacherFiles, reading: Reading, source: Source) -> Task:
    """What the file is for; a file that lacks classes has those of the model."""
    try:
        return reading.task(source)
    except PotstillError:
        if not files.labels or reading.labels or without_names(reading.kind):
            raise
        return replace(reading, labels=files.labels).task(source)
