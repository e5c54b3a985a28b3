"""Are augmented rows worth learning from? Two short trainings from one cache, without and with them, judged on dev.

The same student takes the same number of steps in both. A short trial favours the originals, which it sees more often:
they alone are taken only where they are better by more than twice the standard error of the difference.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data import store
from data.layout import MANIFEST
from data.progress import Progress
from data.readers.source import Source
from pipelines.scores.way import METRICS, drawn_scores
from student_train.config import TrainConfig

ORIGINAL, ALL = "original", "all"
SHARE, FEWEST = 0.25, 400  # of a student's steps that a trial takes, and no fewer than these
CLEARLY = 2.0  # standard errors
CHEAPEST = "dan"  # it reads one text or two, words or sub-words
WIDTH = 64  # of its word vectors


@dataclass(frozen=True)
class Verdict:
    """rows: what students learn from; scores: rows -> dev score; error: standard error of the difference."""

    rows: str
    metric: str
    scores: dict[str, float]
    error: float
    steps: int
    model: str

    @property
    def sentence(self) -> str:
        without, with_them = (f"{100 * self.scores[rows]:.1f}" for rows in (ORIGINAL, ALL))
        taken = "so students learn from all rows" if self.rows == ALL else "so students learn from the originals alone"
        return (
            f"dev {self.metric} of {self.model} after {self.steps:,} steps: {without} without augmented rows, "
            f"{with_them} with them (standard error of the difference {100 * self.error:.1f}), {taken}"
        )


def trial_config(arms: Mapping[str, TrainConfig]) -> TrainConfig:
    """A short training of the cheapest student, with the settings of the first one that waits for the trial."""
    config = next(iter(arms.values()))
    return replace(
        config,
        model=CHEAPEST,
        hidden=None,
        dense=None,
        shape=None,
        dimensions=config.dimensions or WIDTH,
        seeds=config.seeds[:1],
        steps=max(min(config.steps, FEWEST), round(SHARE * config.steps)) if config.steps else None,
        patience=0,
        rows=ALL,
    )


def try_rows(config: TrainConfig, caches: Sequence[Path], dev: Source, scratch: Path, *, progress: Progress) -> Verdict:
    """Train both students in `scratch`, which is removed at the end, and compare them on dev.

    An interrupted trial goes on where it was: a finished student is not trained again.
    """
    from student_train.measure.evaluate import evaluate_all
    from student_train.train import train

    roots = [store.read_json(cache / MANIFEST)["root"] for cache in caches]
    place = scratch / store.digest_of([str(config), roots])[:16]
    places = {rows: place / rows for rows in (ORIGINAL, ALL)}
    steps = 0
    for rows, out in places.items():
        steps = int(train(replace(config, rows=rows), caches, dev, out, progress=progress).report["steps"])
    answers: dict[str, list[np.ndarray]] = {}
    gold: list[np.ndarray] = []

    def note(model: str, file: str, seed: str, said: np.ndarray, labels: np.ndarray) -> None:
        answers.setdefault(model, []).append(said)
        gold.append(labels)

    found = evaluate_all(places, {"dev": dev}, on_answers=note, progress=progress)
    metric = (
        config.best_by
        if config.best_by in METRICS
        else next(name for name in METRICS if name in found[ALL]["dev"].metrics)
    )
    drawn = drawn_scores(metric, gold[0], answers)
    scores = {rows: found[rows]["dev"].mean(metric) for rows in places}
    error = float(np.std(drawn[ORIGINAL] - drawn[ALL]))
    verdict = judged(scores, error, metric=metric, steps=steps, model=config.model)
    progress.note(verdict.sentence)
    shutil.rmtree(scratch, ignore_errors=True)
    return verdict


def judged(scores: dict[str, float], error: float, **about: Any) -> Verdict:
    """Take the originals alone where they are clearly better."""
    rows = ORIGINAL if scores[ORIGINAL] - scores[ALL] > CLEARLY * error else ALL
    return Verdict(rows, scores=scores, error=error, **about)


def read_verdict(path: Path) -> Verdict:
    """The verdict of a trial that was kept."""
    return Verdict(**store.read_json(path))
