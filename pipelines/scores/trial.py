"""Are augmented rows worth learning from, and gold labels beside the teacher's answers? Short trainings, judged on dev.

The same student takes the same number of steps in each, from one cache: on the originals alone, on all rows, and on the
better of these with the gold labels too. A short trial favours the originals, which it sees more often: they alone are
taken only where they are better by more than twice the standard error of the difference. Gold labels are taken where
they are better by more than one: they are worth much where the teacher is weak, and little where it is not.
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

ORIGINAL, ALL, GOLD = "original", "all", "gold"
LABELS = {"ce": {"weight": 1.0}}  # the loss on gold labels, beside one of soft targets at T = 2
SHARE, FEWEST = 0.25, 400  # of a student's steps that a trial takes, and no fewer than these
CLEARLY, BETTER = 2.0, 1.0  # standard errors: for the originals alone, and for gold labels
CHEAPEST = "dan"  # it reads one text or two, words or sub-words
WIDTH = 64  # of its word vectors


@dataclass(frozen=True)
class Verdict:
    """rows: what students learn from; scores: rows -> dev score; error: standard error of the difference.

    gold: whether they learn from gold labels too, with `gold_error` for that; None where that was not tried
    """

    rows: str
    metric: str
    scores: dict[str, float]
    error: float
    steps: int
    model: str
    gold: bool | None = None
    gold_error: float = 0.0

    @property
    def sentence(self) -> str:
        without, with_them = (f"{100 * self.scores[rows]:.1f}" for rows in (ORIGINAL, ALL))
        taken = "so students learn from all rows" if self.rows == ALL else "so students learn from the originals alone"
        return (
            f"dev {self.metric} of {self.model} after {self.steps:,} steps: {without} without augmented rows, "
            f"{with_them} with them (standard error of the difference {100 * self.error:.1f}), {taken}{self._of_gold}"
        )

    @property
    def _of_gold(self) -> str:
        if self.gold is None:
            return ""
        taken = "so they learn from these too" if self.gold else "so they learn from the teacher alone"
        return f"; with gold labels {100 * self.scores[GOLD]:.1f} ({100 * self.gold_error:.1f}), {taken}"

    def of(self, config: TrainConfig) -> TrainConfig:
        """A student's config as the trial has found it the better one."""
        losses = {**LABELS, **config.losses} if self.gold else config.losses
        return replace(config, rows=self.rows, losses=losses)


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
    """Train the students in `scratch`, which is removed at the end, and compare them on dev.

    An interrupted trial goes on where it was: a finished student is not trained again.
    """
    from student_train.feed.reader import open_caches
    from student_train.train import train

    roots = [store.read_json(cache / MANIFEST)["root"] for cache in caches]
    place = scratch / store.digest_of([str(config), roots])[:16]
    places = {rows: place / rows for rows in (ORIGINAL, ALL)}
    steps = 0
    for rows, out in places.items():
        steps = int(train(replace(config, rows=rows), caches, dev, out, progress=progress).report["steps"])
    metric, scores, errors = compared(config, places, dev, progress)
    verdict = judged(scores, errors[ORIGINAL, ALL], metric=metric, steps=steps, model=config.model)
    if "ce" not in config.losses and open_caches(caches)[0].labelled:
        places[GOLD] = place / GOLD
        with_labels = replace(config, rows=verdict.rows, losses={**LABELS, **config.losses})
        train(with_labels, caches, dev, places[GOLD], progress=progress)
        both = {name: places[name] for name in (verdict.rows, GOLD)}
        _, again, errors = compared(config, both, dev, progress)
        verdict = with_gold(verdict, scores | again, errors[GOLD, verdict.rows])
    progress.note(verdict.sentence)
    shutil.rmtree(scratch, ignore_errors=True)
    return verdict


def compared(
    config: TrainConfig, places: Mapping[str, Path], dev: Source, progress: Progress
) -> tuple[str, dict[str, float], dict[tuple[str, str], float]]:
    """The metric that students are compared by, the dev score of each, and the standard errors of their differences."""
    from student_train.measure.evaluate import evaluate_all

    answers: dict[str, list[np.ndarray]] = {}
    gold: list[np.ndarray] = []

    def note(model: str, file: str, seed: str, said: np.ndarray, labels: np.ndarray) -> None:
        answers.setdefault(model, []).append(said)
        gold.append(labels)

    found = evaluate_all(places, {"dev": dev}, on_answers=note, progress=progress)
    usual = next(name for name in METRICS if name in next(iter(found.values()))["dev"].metrics)
    metric = config.best_by if config.best_by in METRICS else usual
    drawn = drawn_scores(metric, gold[0], answers)
    scores = {name: found[name]["dev"].mean(metric) for name in places}
    errors = {(one, other): float(np.std(drawn[one] - drawn[other])) for one in places for other in places}
    return metric, scores, errors


def judged(scores: dict[str, float], error: float, **about: Any) -> Verdict:
    """Take the originals alone where they are clearly better."""
    rows = ORIGINAL if scores[ORIGINAL] - scores[ALL] > CLEARLY * error else ALL
    return Verdict(rows, scores=scores, error=error, **about)


def with_gold(verdict: Verdict, scores: dict[str, float], error: float) -> Verdict:
    """Take gold labels beside the teacher's answers where they are better."""
    gold = scores[GOLD] - scores[verdict.rows] > BETTER * error
    return replace(verdict, scores=scores, gold=bool(gold), gold_error=error)


def read_verdict(path: Path) -> Verdict:
    """The verdict of a trial that was kept."""
    return Verdict(**store.read_json(path))
