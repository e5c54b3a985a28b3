"""Measure a student, all seeds of one, or a teacher on labelled files."""

from pathlib import Path
from typing import Any

import torch

from data import store
from data.errors import NO_INPUT, PotstillError
from data.example import Example
from data.manifest import NAME, read_manifest
from data.progress import Progress
from data.readers.examples import read
from data.readers.source import Source
from data.tasks.task import Task
from student_train.measure import encode_labelled, measure
from student_train.student import Student
from student_train.students import spread, student_directories

CPU = torch.device("cpu")


def evaluate(directory: Path, source: Source, *, progress: Progress) -> dict[str, float]:
    """The task's metrics on a labelled file; for several seeds their means."""
    return {name: value["mean"] for name, value in evaluate_seeds(directory, source, progress=progress)["all"].items()}


def evaluate_seeds(directory: Path, source: Source, *, progress: Progress) -> dict[str, Any]:
    """Metrics of each student of a directory (name -> metrics) and under `all` their mean and spread."""
    if not (directory / NAME).is_file():
        raise PotstillError(f"{directory} is no student and no teacher of potstill's", code=NO_INPUT)
    if store.read_json(directory / NAME)["kind"] == "encoder":
        found = {directory.name: _measure_encoder(directory, source)}
    else:
        places = student_directories(directory)
        progress.start(f"evaluate {directory.name}", total=len(places), unit="students")
        found = {}
        for place in places:
            found[place.name] = _measure_student(place, source)
            progress.advance(1)
        progress.finish()
    metrics = next(iter(found.values()))
    return found | {"all": {name: spread([values[name] for values in found.values()]) for name in metrics}}


def _measure_student(directory: Path, source: Source) -> dict[str, float]:
    student = Student.load(directory)
    rows = encode_labelled(labelled(source, student.task), student.task, student.vocabulary)
    return measure(student.model, rows, device=CPU, precision=torch.float32)


def _measure_encoder(directory: Path, source: Source) -> dict[str, float]:
    from student_train.encoder import load_encoder
    from student_train.models.transformer import Transformer
    from student_train.vocab import Joint

    manifest = read_manifest(directory, "encoder")
    model, tokenizer = load_encoder(str(directory), manifest.task)
    vocabulary = Joint(tokenizer.backend_tokenizer, int(manifest.config["max_length"]))
    rows = encode_labelled(labelled(source, manifest.task), manifest.task, vocabulary)
    return measure(Transformer(model).eval(), rows, device=CPU, precision=torch.float32)


def labelled(source: Source, task: Task) -> list[Example]:
    """The labelled rows of a file; a file without any is refused."""
    examples = [example for example in read(source, task, split="test") if example.label is not None]
    if not examples:
        raise PotstillError(f"{source.path} has no labelled row to measure on", hint="name its label column: --label")
    return examples
