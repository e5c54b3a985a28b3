"""The step that tries out augmented rows, and training by its verdict: functions over paths, as the phases are."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from data.manifest import Manifest
from data.progress import Progress
from data.readers.source import Source
from pipelines import phases
from pipelines.scores.trial import read_verdict, try_rows
from student_train.config import TrainConfig


def trial(
    *, config: TrainConfig, caches: Sequence[Path], dev: Source, scratch: Path, progress: Progress
) -> dict[str, Any]:
    """Try on dev whether augmented rows are worth learning from: a `Verdict` as plain values."""
    return vars(try_rows(config, caches, dev, scratch, progress=progress))


def train_as_tried(*, config: TrainConfig, verdict: Path, **arguments: Any) -> Manifest:
    """Train a student on the rows that a trial has found the better ones. verdict: file of the trial."""
    return phases.train(config=replace(config, rows=read_verdict(verdict).rows), **arguments)
