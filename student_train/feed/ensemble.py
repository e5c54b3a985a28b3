"""Several teachers combined: the logits of each on the same rows → the logits that the losses get.

METHODS: arithmetic mean of the softened probabilities, or geometric mean of them, which is the mean of the logits
(Hinton et al. 2015, section 1; TextBrewer's MultiTeacherDistiller averages logits).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from data.errors import PotstillError
from data.tasks import OF_CLASSES
from data.tasks.task import Task

USUAL = "mean_logits"


def mean_logits(logits: np.ndarray, weights: np.ndarray, temperature: float) -> np.ndarray:
    """Weighted mean of raw logits, or of scores: [K, N, C] of K teachers -> [N, C]. The temperature does not matter."""
    return np.tensordot(weights, logits, axes=1)  # [N, C]


def mean_probabilities(logits: np.ndarray, weights: np.ndarray, temperature: float) -> np.ndarray:
    """Weighted mean of softmax(z/T), as logits z̄ with softmax(z̄/T) equal to that mean: T·log Σ w softmax(z/T).

    logits: [K, N, C] of K teachers -> [N, C]. So the `kl` loss at T sees the mean of the teachers' soft targets
    exactly. At T = 1 these are log-probabilities; at a high T they tend to the mean of zero-mean logits.
    """
    scaled = logits / temperature  # [K, N, C]
    scaled = scaled - scaled.max(axis=-1, keepdims=True)
    shares = np.log(weights)[:, None, None] + scaled - np.log(np.exp(scaled).sum(axis=-1, keepdims=True))  # [K, N, C]
    return temperature * np.logaddexp.reduce(shares, axis=0)


@dataclass(frozen=True)
class Rule:
    """kinds: which kinds of task (empty: all)."""

    call: Callable[[np.ndarray, np.ndarray, float], np.ndarray]
    kinds: tuple[str, ...]


COMBINE: dict[str, Rule] = {
    "mean_logits": Rule(mean_logits, ()),
    "mean_probabilities": Rule(mean_probabilities, OF_CLASSES),
}


@dataclass(frozen=True)
class Ensemble:
    """How teachers are made one. weights: one a teacher, their sum is 1; temperature: T of the `kl` loss."""

    rule: str
    weights: tuple[float, ...]
    temperature: float = 1.0

    def combine(self, logits: Sequence[np.ndarray]) -> np.ndarray:
        """[N, C] of each teacher -> [N, C] float32. In float64: a logarithm of small numbers."""
        stacked = np.stack(logits).astype(np.float64)  # [K, N, C]
        return COMBINE[self.rule].call(stacked, np.array(self.weights), self.temperature).astype(np.float32)


def choose_ensemble(
    rule: str | None, weights: Sequence[float] | None, *, count: int, task: Task, temperature: float = 1.0
) -> Ensemble | None:
    """Resolve how `count` teachers are combined: mean of logits and equal weights where nothing is said; None for one.

    Errors: a rule that is not there or not for the kind of task; other than one positive weight a teacher.
    """
    if count == 1:
        if rule is not None or weights is not None:
            raise PotstillError("combine and weights are for several caches", hint="potstill train CACHE CACHE2 …")
        return None
    name = USUAL if rule is None else rule
    fitting = [key for key, value in COMBINE.items() if not value.kinds or task.kind in value.kinds]
    if name not in fitting:
        known = f"combine {name!r} is not for {task.kind} tasks" if name in COMBINE else f"no combine {name!r}"
        raise PotstillError(known, hint=f"combine: {', '.join(fitting)}")
    given = tuple(weights) if weights is not None else (1.0,) * count
    if len(given) != count or not all(0 < weight < math.inf for weight in given):
        raise PotstillError(
            f"weights {', '.join(f'{weight:g}' for weight in given)} are not one number above 0 for each of "
            f"{count} caches",
            hint=f"e.g. --weights {','.join(['1'] * count)}",
        )
    return Ensemble(name, tuple(weight / sum(given) for weight in given), temperature)
