"""Measure models on labelled files: students (all seeds), teachers, and how often a student answers as the teacher."""

import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from data.errors import PotstillError
from data.example import Example
from data.examples import chunks
from data.labels.agreement import better_order, refuse_order
from data.labels.names import match_names
from data.progress import Progress
from data.readers.examples import read
from data.readers.said import Heard
from data.readers.source import Source
from data.tasks.metrics import SeedScores
from data.tasks.task import Task
from student_train.measure.opened import Opened, open_model, places

ENCODED = 8_192  # rows encoded together, and cut into batches by length
AGREEMENT = "agreement"  # a student's main metric with the teacher's answers in the place of the labels

Answers = dict[str, tuple[np.ndarray, Task]]  # file -> the teacher's logits [N, C] there
# (model, file, seed, predictions [N], labels [N]) as each student is measured
OnAnswers = Callable[[str, str, str, np.ndarray, np.ndarray], None]


def evaluate_all(
    models: Mapping[str, Path],
    sources: Mapping[str, Source],
    *,
    tasks: Mapping[str, Task] | None = None,
    unnamed: Collection[str] = (),
    teacher: str = "",
    on_answers: OnAnswers = lambda *answers: None,
    positive: str = "",
    progress: Progress,
) -> dict[str, dict[str, SeedScores]]:
    """Metrics of models on files: model -> file -> those of each seed.

    tasks    of the models that are encoders without potstill's manifest
    unnamed  those among them whose classes have no names: refused where another order agrees far better
    teacher  the model among them that the others' `agreement` is taken with: for classes the share of equal answers,
             for scores their rank correlation
    on_answers  is handed the predictions of each student on each file
    positive the class that F1 is of; else what each model's task says
    """
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    said, heard = Answers(), Heard(progress)
    for name in sorted(models, key=lambda name: name != teacher):
        seeds, about = places(models[name]), (tasks or {}).get(name)
        opened = open_model(seeds[0], about)
        task = replace(opened.task, positive=positive or opened.task.positive)
        rows = {file: labelled(source, task, tell=heard) for file, source in sources.items()}
        found[name] = {file: {} for file in sources}
        progress.start(f"evaluate {name}", total=len(seeds) * sum(map(len, rows.values())), unit="rows")
        for place in seeds:
            opened = opened if place == seeds[0] else open_model(place, about)
            for file, examples in rows.items():
                logits, labels = _answers(opened, examples, progress), np.array([row.label for row in examples])
                if name in unnamed:
                    refuse_better_order(place, logits, labels, task)
                metrics = task.measure(logits, labels)
                on_answers(name, file, place.name, task.rules.predict(logits), labels)
                if name == teacher:
                    said[file] = logits, task
                else:
                    metrics |= _agreement(logits, task, said.get(file))
                found[name][file][place.name] = metrics
        progress.finish()
    return {name: {file: SeedScores(seeds) for file, seeds in found[name].items()} for name in models}


def labelled(source: Source, task: Task, *, tell: Heard | None = None) -> list[Example]:
    """The labelled rows of a file; a file without any is refused."""
    examples = [example for example in read(source, task, split="test", tell=tell) if example.label is not None]
    if not examples:
        raise PotstillError(f"{source.path} has no labelled row to measure on", hint="name its label column: --label")
    return examples


def refuse_better_order(place: Path, logits: np.ndarray, labels: np.ndarray, task: Task) -> None:
    """Refuse a model without names of its classes where another order of them agrees far better with the labels."""
    if task.labels and (order := better_order(logits.argmax(axis=-1), labels, task.labels)):
        refuse_order(str(place), order, task.labels, "--labels")


def _answers(opened: Opened, rows: list[Example], progress: Progress) -> np.ndarray:
    """A model's logits [N, C] on the rows of a file."""
    found = []
    for chunk in chunks(rows, ENCODED):
        pairs = [row.pair or "" for row in chunk] if opened.task.pair else None
        found.append(opened.logits([row.text for row in chunk], pairs, done=progress.advance))
    return np.concatenate(found)


def _agreement(logits: np.ndarray, task: Task, teacher: tuple[np.ndarray, Task] | None) -> dict[str, float]:
    """How alike two models answer; nothing where there is no teacher, or one of other classes."""
    if teacher is None or not _alike(task, teacher[1]):
        return {}
    rules, answers = task.rules, task.rules.predict(teacher[0])
    if task.labels:
        places = match_names(teacher[1].labels, task.labels)
        answers = np.array([-1 if place is None else place for place in places])[answers]
    with warnings.catch_warnings():  # a teacher that gives one answer to everything has no matrix of confusions
        warnings.simplefilter("ignore")
        return {AGREEMENT: rules.metrics(logits, answers)[rules.main_metric]}


def _alike(task: Task, other: Task) -> bool:
    """Whether two tasks have the same classes, in any order."""
    places = match_names(task.labels, other.labels)
    return task.kind == other.kind and task.width == other.width and None not in places
