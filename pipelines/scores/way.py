"""The share of the way from a start (a student on labels alone) to the teacher that a student covers.

Accuracy over the teacher's accuracy flatters: where 97 % of the rows are one class, a model that has learned nothing
"keeps 99 % of the teacher". The share (student - start) / (teacher - start) is 0 for the start and 1 for the teacher.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.tasks import KINDS

DRAWS = 1_000
CHUNK = 1 << 24  # numbers of a block of draws held at once
INTERVAL = (2.5, 97.5)  # percentiles

Answers = Mapping[str, Sequence[np.ndarray]]  # model -> predictions [N] of each of its seeds


@dataclass(frozen=True)
class Way:
    """share: of the way from `start` to the teacher; low, high: its 95 % interval, None where the way is too short."""

    start: str
    share: float
    low: float | None = None
    high: float | None = None


def from_means(start: str, floor: float, student: float, teacher: float) -> Way | None:
    """The share by mean scores alone; None where the teacher is not better than the start."""
    return Way(start, (student - floor) / (teacher - floor)) if teacher > floor else None


def way(kind: str, labels: np.ndarray, answers: Answers, *, start: str, student: str, teacher: str) -> Way | None:
    """The share with an interval by a paired bootstrap: rows and seeds are drawn again, the same rows for all models.

    labels [N] and predictions [N] as the kind of task makes them. Where the teacher is not above the start in more
    than 2.5 % of the draws there is no interval; None where it is not above it at all.
    """
    names = (start, student, teacher)
    measure = SCORES[kind](labels, {name: np.stack(list(answers[name])) for name in names})
    whole = {name: float(score.mean()) for name, score in measure(np.ones((1, len(labels)), np.float32)).items()}
    found = from_means(start, whole[start], whole[student], whole[teacher])
    if found is None:
        return None
    drawn = _draws(measure, len(labels), {name: len(answers[name]) for name in names})
    length = drawn[teacher] - drawn[start]
    if np.mean(length <= 0) > INTERVAL[0] / 100:
        return found
    shares = (drawn[student] - drawn[start])[length > 0] / length[length > 0]
    low, high = np.percentile(shares, INTERVAL)
    return Way(start, found.share, float(low), float(high))


Measure = Callable[[np.ndarray], dict[str, np.ndarray]]  # how often each row counts [D, N] -> scores [D, seeds]


def accuracies(labels: np.ndarray, answers: Mapping[str, np.ndarray]) -> Measure:
    """Share of right answers. answers: model -> predictions [seeds, N]."""
    hits = {name: (said == labels).astype(np.float32).T for name, said in answers.items()}
    return lambda counts: {name: counts @ right / counts.sum(1, keepdims=True) for name, right in hits.items()}


def correlations(labels: np.ndarray, answers: Mapping[str, np.ndarray]) -> Measure:
    """Spearman's correlation; the ranks are those of all rows in every draw. answers: model -> scores [seeds, N]."""
    from scipy.stats import rankdata

    gold = rankdata(labels)
    ranks = {name: rankdata(said, axis=1) for name, said in answers.items()}
    return lambda counts: {name: _weighted_pearson(counts, said, gold) for name, said in ranks.items()}


def macro_f1s(labels: np.ndarray, answers: Mapping[str, np.ndarray]) -> Measure:
    """Mean F1 of the classes; one that neither occurs in a draw nor is answered counts 0. answers: as above."""
    classes = np.arange(1 + max(int(labels.max()), *(int(said.max()) for said in answers.values())))
    gold = (labels[:, None] == classes).astype(np.float32)  # [N, C]
    told = {name: [(one[:, None] == classes).astype(np.float32) for one in said] for name, said in answers.items()}

    def measure(counts: np.ndarray) -> dict[str, np.ndarray]:
        rows = counts @ gold  # [D, C]
        return {
            name: np.stack(
                [(2 * (counts @ (one * gold)) / np.maximum(rows + counts @ one, 1e-9)).mean(axis=1) for one in said],
                axis=1,
            )
            for name, said in told.items()
        }

    return measure


# The metrics of which many draws can be scored at once.
METRICS: dict[str, Callable[[np.ndarray, Mapping[str, np.ndarray]], Measure]] = {
    "accuracy": accuracies,
    "macro_f1": macro_f1s,
    "spearman": correlations,
}
# Kind of task -> its main metric, for many draws at once.
SCORES = {name: METRICS[kind.main_metric] for name, kind in KINDS.items()}


def drawn_scores(metric: str, labels: np.ndarray, answers: Answers) -> dict[str, np.ndarray]:
    """Scores [DRAWS] of each model, the same rows for all: the spread of a difference is its standard error.

    metric: key of `METRICS`; labels [N]; answers: model -> predictions [N] of each seed
    """
    measure = METRICS[metric](labels, {name: np.stack(list(said)) for name, said in answers.items()})
    return _draws(measure, len(labels), {name: len(said) for name, said in answers.items()})


def _draws(measure: Measure, rows: int, seeds: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Scores [DRAWS] of each model over rows and seeds drawn again; equal from call to call."""
    rng, size = np.random.default_rng(0), max(1, CHUNK // rows)
    found: dict[str, list[np.ndarray]] = {name: [] for name in seeds}
    for first in range(0, DRAWS, size):
        count = min(size, DRAWS - first)
        counts = rng.multinomial(rows, np.full(rows, 1 / rows), size=count).astype(np.float32)
        for name, scores in measure(counts).items():
            chosen = rng.integers(seeds[name], size=(count, seeds[name]))
            found[name].append(np.take_along_axis(scores, chosen, axis=1).mean(axis=1))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _weighted_pearson(weights: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Correlation of left [S, N] with right [N], rows weighted by [D, N] -> [D, S]; 0 where one side is constant."""
    share = (weights / weights.sum(1, keepdims=True)).astype(np.float64)
    left = (left - left.mean(axis=1, keepdims=True)).T  # far from 0 the sums of squares lose digits
    right = (right - right.mean())[:, None]
    mean_left, mean_right = share @ left, share @ right
    both = share @ (left * right) - mean_left * mean_right
    spread = (share @ left**2 - mean_left**2) * (share @ right**2 - mean_right**2)
    return np.divide(both, np.sqrt(np.maximum(spread, 0)), out=np.zeros_like(both), where=spread > 1e-12)
