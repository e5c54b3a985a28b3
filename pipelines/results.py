"""The final table of a run: evaluate.json and bench.json → one row a model, and `results.json`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data import store
from data.tasks.task import Task
from pipelines.console import cell
from pipelines.steps import BENCHED, EVALUATED, TEACHER

NAME = "results.json"
AGREEMENT = "agreement"  # key of `student_train.evaluate`, which is not imported here: it loads torch
SHOWN = {
    "parameters": "parameters",
    "embedding_parameters": "+ embedding",
    "megabytes": "MB",
    "p50_ms": "p50 ms",
    "p95_ms": "p95 ms",
    "rows_per_second": "rows/s",
}


def collect(run: Path, task: Task, names: Sequence[str]) -> dict[str, Any]:
    """Join what was measured of the models `names` and keep it: {"metric", "rows", "evaluated"}.

    Scores are means over the seeds, `_std` their spread; `of_teacher` is a model's score over the teacher's, on test
    where there is one, else on dev. `_agreement` is how alike a student and the teacher answer on a split.
    """
    evaluated, benched = store.read_json(run / EVALUATED), store.read_json(run / BENCHED)
    metric = task.rules.main_metric
    rows = [_row(name, evaluated[name], benched.get(name, {}), metric) for name in names if name in evaluated]
    split = "test" if "test" in rows[0] else "dev"
    best = next((row[split] for row in rows if row["model"] == TEACHER), 0.0)
    for row in rows:
        row["of_teacher"] = row[split] / best if best else None
    results = {"metric": metric, "rows": rows, "evaluated": evaluated}
    store.write_json(run / NAME, results)
    return results


def shown(row: dict[str, Any]) -> dict[str, str | int | None]:
    """Write one row for a person: scores in percent with their spread, what is known in the order of `SHOWN`."""
    cells: dict[str, str | int | None] = {"model": row["model"], "seeds": row["seeds"]}
    for split in ("dev", "test"):
        if split in row:
            spread = f" ± {100 * row[f'{split}_std']:.2f}" if f"{split}_std" in row else ""
            cells[f"{split} %"] = f"{100 * row[split]:.2f}{spread}"
    if row.get("of_teacher") is not None:
        cells["of teacher %"] = f"{100 * row['of_teacher']:.1f}"
    alike = row.get("test_agreement", row.get("dev_agreement"))
    cells["agreement %"] = "–" if alike is None else f"{100 * alike:.1f}"
    return cells | {title: cell(row.get(name)) for name, title in SHOWN.items()}


def _row(name: str, splits: dict[str, Any], numbers: dict[str, Any], metric: str) -> dict[str, Any]:
    seeds = len(next(iter(splits.values()))) - 1  # less the entry `all`
    measured = {key: value for key, value in numbers.items() if key != "name"}
    return {"model": name, "seeds": seeds} | _scores(splits, metric) | measured


def _scores(splits: dict[str, dict[str, Any]], metric: str) -> dict[str, float]:
    """Take the mean over the seeds of each split (`dev`, `test`), and how alike the teacher it is (`dev_agreement`);
    of several seeds also the spread (`dev_std`)."""
    scores: dict[str, float] = {}
    for split, found in splits.items():
        scores[split] = found["all"][metric]["mean"]
        if AGREEMENT in found["all"]:
            scores[f"{split}_{AGREEMENT}"] = found["all"][AGREEMENT]["mean"]
        if len(found) > 2:
            scores[f"{split}_std"] = found["all"][metric]["std"]
    return scores
