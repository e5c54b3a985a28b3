"""Which of the measured models to take, in one sentence: dev scores, speed and size → `Advice`.

Dev scores alone decide; test scores are for the reader. Two models whose dev scores differ by less than the standard
error of the difference are called equal: then the simpler or cheaper one is taken.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.scores import rivals
from pipelines.scores.measured import TEACHER, read_answers, read_scores
from pipelines.scores.outcome import Outcome
from pipelines.scores.way import METRICS, drawn_scores

GIVEN_UP = 0.03  # share of the best student's score that speed or size may cost
STUDENT, LABELS, RIVAL, FLOOR = "student", "labels", "rival", "floor"  # what a contender is, besides TEACHER


@dataclass(frozen=True)
class Contender:
    """A measured model. dev, test: its scores, more is better; ms: of one text; role: see above."""

    name: str
    role: str
    dev: float
    ms: float | None = None
    megabytes: float | None = None
    test: float | None = None


@dataclass(frozen=True)
class Advice:
    """take: the name of a model, "" where none is worth it; sentence: the advice; warnings: about the teacher."""

    take: str
    sentence: str
    warnings: tuple[str, ...] = ()


Noise = Callable[[str, str], float]  # two models -> standard error of the difference of their dev scores


def advise(models: Sequence[Contender], noise: Noise, *, aim: str, metric: str) -> Advice | None:
    """Say which model to take for an aim (accuracy, speed, size); None without a student or a teacher."""
    teacher = next((model for model in models if model.role == TEACHER), None)
    students = [model for model in models if model.role == STUDENT]
    if teacher is None or not students:
        return None
    warnings = doubts_of(teacher, models, noise, metric=metric)
    best = max(students, key=lambda model: model.dev)
    taken = CHOOSE[aim](best, students, noise)
    simple = equal_rivals(taken, models, noise)
    if warnings:
        take = max(
            (model for model in models if model.role in (RIVAL, LABELS)), key=lambda model: model.dev, default=None
        )
        better = f"; of what is here {quoted(take)} has {percent(take.dev)} %" if take else ""
        return Advice("", f"Look for a better teacher first: {warnings[0]}{better}.", warnings)
    if simple:
        found = simplest(simple, noise)
        why = f"{beside(found, taken, noise, metric)}{costs(found)}; the teacher has {percent(teacher.dev)}"
        return Advice(found.name, f"Take {quoted(found)}: {why}.")
    return Advice(
        taken.name,
        f"Take {quoted(taken)}: {of_teacher(taken, teacher, metric)}{costs(taken)}{rest(models, teacher)}"
        f"{alone(taken, models, noise)}"
        f"{faster(taken, models, noise)}.",
    )


def doubts_of(teacher: Contender, models: Sequence[Contender], noise: Noise, *, metric: str) -> tuple[str, ...]:
    """Why the teacher is not worth a student: near the most frequent class, or no better than TF-IDF on labels."""
    found = []
    for model in sorted(models, key=lambda model: -model.dev):
        near = model.role == FLOOR and teacher.dev <= model.dev + noise(teacher.name, model.name)
        below = model.name == rivals.ON_LABELS and teacher.dev <= model.dev
        if near or below:
            found.append(f"the teacher has dev {metric} {percent(teacher.dev)}, {model.name} {percent(model.dev)}")
    return tuple(found)


def equal_rivals(taken: Contender, models: Sequence[Contender], noise: Noise) -> list[Contender]:
    """What is simpler and not clearly worse, the simplest first: TF-IDF. A student on labels alone costs as much as any
    other, so it must be better."""
    simple = [model for name in (rivals.ON_LABELS, rivals.ON_TEACHER) for model in models if model.name == name]
    equal = [model for model in simple if model.dev + noise(taken.name, model.name) >= taken.dev]
    return equal + [model for model in models if model.role == LABELS and model.dev > taken.dev]


def simplest(models: Sequence[Contender], noise: Noise) -> Contender:
    """The first, so the simplest, of those that are as good as the best of them."""
    best = max(models, key=lambda model: model.dev)
    return next(model for model in models if model is best or model.dev + noise(best.name, model.name) >= best.dev)


def beside(simple: Contender, student: Contender, noise: Noise, metric: str) -> str:
    """How a simple model stands beside a student that is not clearly better."""
    error = noise(simple.name, student.name)
    than = f"dev {metric} {percent(student.dev)} against {percent(simple.dev)}"
    if simple.dev - student.dev > error:
        return f"the student {quoted(student)} is worse ({than})"
    return f"the student {quoted(student)} is not clearly better ({than}, standard error {percent(error)})"


def most_accurate(best: Contender, students: Sequence[Contender], noise: Noise) -> Contender:
    """The best; of those with the same score the fastest."""
    return min((model for model in students if model.dev == best.dev), key=lambda model: known(model.ms))


def faster(taken: Contender, models: Sequence[Contender], noise: Noise) -> str:
    """The fastest student that is not clearly worse, where that is another one."""
    equal = [
        model
        for model in models
        if model.role == STUDENT and taken.dev - model.dev < noise(taken.name, model.name) and model.ms
    ]
    found = min(equal, key=lambda model: known(model.ms), default=None)
    if found is None or found is taken or known(found.ms) >= known(taken.ms):
        return ""
    return f"; {quoted(found)} is not clearly worse ({percent(found.dev)}) and takes {number(known(found.ms))} ms"


def cheapest(cost: Callable[[Contender], float | None]) -> Callable[[Contender, Sequence[Contender], Noise], Contender]:
    """Of those that lose no more than `GIVEN_UP`, or nothing but noise, the one that costs least."""

    def choose(best: Contender, students: Sequence[Contender], noise: Noise) -> Contender:
        near = [
            model
            for model in students
            if best.dev - model.dev <= max(GIVEN_UP * best.dev, 0.0 if model is best else noise(best.name, model.name))
        ]
        return min(near, key=lambda model: known(cost(model)))

    return choose


CHOOSE: dict[str, Callable[[Contender, Sequence[Contender], Noise], Contender]] = {
    "accuracy": most_accurate,
    "speed": cheapest(lambda model: model.ms),
    "size": cheapest(lambda model: model.megabytes),
}


def of_teacher(model: Contender, teacher: Contender, metric: str) -> str:
    share = f"{percent(model.dev / teacher.dev)} % of the teacher" if teacher.dev > 0 else "of the teacher"
    return f"{share} (dev {metric} {percent(model.dev)} of {percent(teacher.dev)})"


def costs(model: Contender) -> str:
    """`, 0.3 ms a text, 6 MB`, as far as it was measured."""
    parts = [
        f", {number(model.ms)} ms a text" if model.ms else "",
        f", {number(model.megabytes)} MB" if model.megabytes else "",
    ]
    return "".join(parts)


def rest(models: Sequence[Contender], teacher: Contender) -> str:
    """What the best of the rivals would do."""
    found = max((model for model in models if model.role == RIVAL), key=lambda model: model.dev, default=None)
    return f"; {found.name} would do at {percent(found.dev / teacher.dev)} %" if found else ""


def alone(taken: Contender, models: Sequence[Contender], noise: Noise) -> str:
    """Whether a student on labels alone is as good: then the teacher has brought nothing that dev can show."""
    near = [
        model for model in models if model.role == LABELS and model.dev + noise(taken.name, model.name) >= taken.dev
    ]
    found = max(near, key=lambda model: model.dev, default=None)
    return f"; {quoted(found)}, on labels alone, is not clearly worse ({percent(found.dev)})" if found else ""


def known(value: float | None) -> float:
    return math.inf if value is None else value


def quoted(model: Contender) -> str:
    return model.name if model.role == RIVAL else f"`{model.name}`"


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def number(value: float) -> str:
    """Two digits of small numbers: 0.12, 3.4, 17."""
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


@dataclass(frozen=True)
class Measured:
    """What an advice is made of. metric: of the scores; models: all that have a dev score."""

    metric: str
    models: tuple[Contender, ...]

    def table(self) -> list[dict[str, Any]]:
        """Rows for a person, the lowest dev score first."""
        teacher = next((model.dev for model in self.models if model.role == TEACHER), 0.0)
        return [
            {
                "model": model.name,
                f"dev {self.metric} %": percent(model.dev),
                "test %": "–" if model.test is None else percent(model.test),
                "of the teacher %": percent(model.dev / teacher) if teacher > 0 else "–",
                "ms a text": "–" if model.ms is None else number(model.ms),
                "MB": "–" if model.megabytes is None else number(model.megabytes),
            }
            for model in sorted(self.models, key=lambda model: (model.dev, model.role == TEACHER))
        ]


def measured_of(outcome: Outcome, plain: Sequence[str], metric: str | None) -> Measured:
    """The models of a run's table. plain: students on labels alone; metric: the one that students were chosen by, which
    is taken where draws of it can be scored, else the table's own."""
    metric = metric if metric in METRICS else outcome.metric
    roles = {TEACHER: TEACHER, rivals.MOST: FLOOR, rivals.MEAN: FLOOR} | dict.fromkeys(plain, LABELS)
    roles |= dict.fromkeys((rivals.ON_LABELS, rivals.ON_TEACHER), RIVAL)

    def score(row: Mapping[str, Any], split: str) -> Any:
        found = outcome.evaluated.get(row["model"], {}).get(split)
        return found.mean(metric) if found and metric in found.metrics else row.get(split)

    return Measured(
        metric,
        tuple(
            Contender(
                row["model"],
                roles.get(row["model"], STUDENT),
                score(row, "dev"),
                row.get("p50_ms"),
                row.get("megabytes"),
                score(row, "test"),
            )
            for row in outcome.rows
            if "dev" in row
        ),
    )


def advice_of(run: Path, found: Measured, *, aim: str) -> Advice | None:
    """The advice for a run's models; None for an aim that is none, without a student or without a teacher."""
    if aim not in CHOOSE:
        return None
    noise = noise_of(run, [model.name for model in found.models], found.metric)
    return advise(found.models, noise, aim=aim, metric=found.metric)


def noise_of(run: Path, names: Sequence[str], metric: str) -> Noise:
    """Standard errors of differences, by a paired bootstrap over the dev rows; 0 where predictions are not kept."""
    held = {
        scores.model: read_answers(run, scores)
        for scores in read_scores(run, [])
        if scores.split == "dev" and scores.model in names
    }
    labels = [answers.pop("labels", np.zeros(0)) for answers in held.values()]
    if metric not in METRICS or not labels or any(not np.array_equal(labels[0], other) for other in labels):
        return lambda one, other: 0.0
    drawn = drawn_scores(metric, labels[0], {name: list(seeds.values()) for name, seeds in held.items()})
    return lambda one, other: float(np.std(drawn[one] - drawn[other])) if {one, other} <= drawn.keys() else 0.0
