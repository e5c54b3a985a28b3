"""Steps that look before the costly ones begin: is the teacher worth asking, are augmented rows worth learning from?

Functions over paths, as the phases are.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.manifest import Manifest, read_manifest
from data.progress import Progress
from data.readers.source import Source
from pipelines import phases
from pipelines.scores import rivals
from pipelines.scores.advice import FLOOR, RIVAL, Contender, doubts_of
from pipelines.scores.measured import TEACHER
from pipelines.scores.trial import read_verdict, try_rows
from student_train.config import TrainConfig


def check(*, examples: Path, teacher: Path, dev: Source, progress: Progress) -> dict[str, Any]:
    """Compare a teacher that was fine-tuned here, by its dev score, with the most frequent class and TF-IDF on labels.

    Returns {"metric", "scores": model -> dev score, "warnings"}; the warnings are said, too.
    """
    made, rows = read_manifest(teacher, "teacher"), list[int]()

    def count(model: str, file: str, seed: str, said: np.ndarray, labels: np.ndarray) -> None:
        rows.append(len(labels))

    found = rivals.measure(examples, None, {"dev": dev}, on_answers=count, progress=progress)
    metric = made.task.rules.main_metric
    scores = {name: splits["dev"].mean(metric) for name, splits in found.items()}
    scores[TEACHER] = float(made.report["dev"][metric])
    error = math.sqrt(max(0.0, scores[TEACHER] * (1 - scores[TEACHER])) / max([1, *rows]))
    others = [Contender(name, FLOOR if name in (rivals.MOST, rivals.MEAN) else RIVAL, scores[name]) for name in found]
    said = doubts_of(Contender(TEACHER, TEACHER, scores[TEACHER]), others, lambda one, other: error, metric=metric)
    for doubt in said:
        progress.note(f"warning: {doubt}: its answers will teach a student little")
    return {"metric": metric, "scores": scores, "warnings": list(said)}


def trial(
    *, config: TrainConfig, caches: Sequence[Path], dev: Source, scratch: Path, progress: Progress
) -> dict[str, Any]:
    """Try on dev whether augmented rows, and gold labels, are worth learning from: a `Verdict` as plain values."""
    return vars(try_rows(config, caches, dev, scratch, progress=progress))


def train_as_tried(*, config: TrainConfig, verdict: Path, **arguments: Any) -> Manifest:
    """Train a student on the rows and losses that a trial has found the better ones. verdict: file of the trial."""
    return phases.train(config=read_verdict(verdict).of(config), **arguments)
