"""The final table of a run: measurements of its models and rivals → one row each, and `results.json`."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data import store
from data.layout import BENCHED, EVALUATED, RESULTS, RIVALS
from data.tasks.metrics import SeedScores
from data.tasks.task import Task
from pipelines.scores import rivals
from pipelines.scores.measured import Scores, read_answers, read_scores, read_speeds
from pipelines.scores.outcome import Evaluated, Outcome, Row, evaluated_of
from pipelines.scores.way import Way, from_means, way
from pipelines.screen.console import cell
from pipelines.steps.order import TEACHER

AGREEMENT = "agreement"  # key of `student_train.measure.evaluate`, which is not imported here: it loads torch
SHOWN = {
    "parameters": "parameters",
    "embedding_parameters": "+ embedding",
    "megabytes": "MB",
    "p50_ms": "p50 ms",
    "p95_ms": "p95 ms",
    "rows_per_second": "rows/s",
}


def collect(run: Path, task: Task, names: Sequence[str], plain: Sequence[str] = ()) -> Outcome:
    """Join what was measured of the models `names` and of the rivals, and keep it.

    plain: the students that learned from labels alone. Scores are means over the seeds, `_std` their spread;
    `_agreement` is how alike a student and the teacher answer on a split; `way` see `add_ways`.
    """
    evaluated, benched = evaluated_of(store.read_json(run / EVALUATED)), store.read_json(run / BENCHED)
    beaten = evaluated_of(store.read_json(run / RIVALS)) if (run / RIVALS).is_file() else {}
    benched |= {found.model: found.numbers for found in read_speeds(run, []) if found.model in beaten}
    metric = task.rules.main_metric
    rows = rows_of(evaluated | beaten, benched, metric, [*names, *beaten])
    add_ways(rows, task, read_scores(run, []), plain, run)
    outcome = Outcome(metric, rows, evaluated | beaten)
    store.write_json(run / RESULTS, outcome.to_json())
    return outcome


def rows_of(evaluated: Evaluated, benched: Mapping[str, Any], metric: str, names: Iterable[str]) -> list[Row]:
    """One row a model, for those of `names` that were measured."""
    return [_row(name, evaluated[name], benched.get(name, {}), metric) for name in names if name in evaluated]


def add_ways(rows: list[Row], task: Task, scores: Sequence[Scores], plain: Sequence[str], run: Path) -> None:
    """Give each student's row its `way`: how much of the way to the teacher it covers, on test where there is one.

    The way begins at the best student on labels alone (by dev), else at the most frequent class (or mean score).
    """
    named = {row["model"]: row for row in rows}
    split = compared(rows)
    start = start_of(rows, plain)
    if start is None or TEACHER not in named:
        return
    held = {found.model: found for found in scores if found.split == split}
    for row in rows:
        if row["model"] not in (start, TEACHER, *rivals.NAMES) and split in row:
            found = from_means(start, named[start][split], row[split], named[TEACHER][split])
            if held.keys() >= {start, row["model"], TEACHER}:
                found = _way(task, run, held, start, row["model"]) or found
            row["way"] = vars(found) if found else None


def compared(rows: Sequence[Mapping[str, Any]]) -> str:
    """The split that models are compared on: test where it was measured, else dev."""
    return "test" if any("test" in row for row in rows) else "dev"


def start_of(rows: Sequence[Mapping[str, Any]], plain: Sequence[str]) -> str | None:
    """Where the way to the teacher begins: the best student on labels alone by dev, else the simplest rival."""
    split = compared(rows)
    students = [row for row in rows if row["model"] in plain and split in row]
    if students:
        return str(max(students, key=lambda row: row.get("dev", row[split]))["model"])
    return next(
        (str(row["model"]) for row in rows if row["model"] in (rivals.MOST, rivals.MEAN) and split in row), None
    )


def _way(task: Task, run: Path, held: Mapping[str, Scores], start: str, student: str) -> Way | None:
    """The way with its interval, where the predictions of all three on the same rows are kept."""
    found = {name: read_answers(run, held[name]) for name in (start, student, TEACHER)}
    labels = [answers.pop("labels", np.zeros(0)) for answers in found.values()]
    if not len(labels[0]) or not all(np.array_equal(labels[0], other) for other in labels):
        return None
    answers = {name: [seeds[seed] for seed in sorted(seeds)] for name, seeds in found.items()}  # drawn in this order
    return way(task.kind, labels[0], answers, start=start, student=student, teacher=TEACHER)


def shown(row: Row) -> dict[str, str | int | None]:
    """Write one row for a person: scores in percent with their spread, what is known in the order of `SHOWN`."""
    cells: dict[str, str | int | None] = {"model": row["model"], "seeds": row["seeds"]}
    for split in ("dev", "test"):
        if split in row:
            spread = f" ± {100 * row[f'{split}_std']:.2f}" if f"{split}_std" in row else ""
            cells[f"{split} %"] = f"{100 * row[split]:.2f}{spread}"
    cells["of the way %"] = way_text(row.get("way"))
    alike = row.get("test_agreement", row.get("dev_agreement"))
    cells["agreement %"] = "–" if alike is None else f"{100 * alike:.1f}"
    return cells | {title: cell(row.get(name)) for name, title in SHOWN.items()}


def way_text(found: Mapping[str, Any] | None) -> str:
    """`69 (57 to 83)`: the share of the way in percent with its interval, where there is one."""
    if not found:
        return "–"
    interval = f" ({100 * found['low']:.0f} to {100 * found['high']:.0f})" if found["low"] is not None else ""
    return f"{100 * found['share']:.0f}{interval}"


def _row(name: str, splits: dict[str, SeedScores], numbers: dict[str, Any], metric: str) -> Row:
    seeds = len(next(iter(splits.values())).seeds)
    measured = {key: value for key, value in numbers.items() if key != "name"}
    return {"model": name, "seeds": seeds} | _scores(splits, metric) | measured


def _scores(splits: dict[str, SeedScores], metric: str) -> dict[str, float]:
    """Take the mean over the seeds of each split (`dev`, `test`), and how alike the teacher it is (`dev_agreement`);
    of several seeds also the spread (`dev_std`)."""
    scores: dict[str, float] = {}
    for split, found in splits.items():
        scores[split] = found.mean(metric)
        if AGREEMENT in found.metrics:
            scores[f"{split}_{AGREEMENT}"] = found.mean(AGREEMENT)
        if len(found.seeds) > 1:
            scores[f"{split}_std"] = found.std(metric)
    return scores
