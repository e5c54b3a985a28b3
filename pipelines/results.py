"""The final table of a run: evaluate.json and bench.json → one row a model, and `results.json`."""

from pathlib import Path
from statistics import mean, stdev
from typing import Any

from data import store
from data.tasks.task import Task
from pipelines.steps import BENCHED, EVALUATED

NAME = "results.json"
# Columns of the table in the order a person reads them; what else was measured stands in results.json.
FIRST = ("model", "seeds")


def collect(run: Path, task: Task) -> dict[str, Any]:
    """Join what was measured and keep it: {"metric", "rows"}; scores are means over the seeds, `_std` their spread."""
    evaluated, benched = store.read_json(run / EVALUATED), store.read_json(run / BENCHED)
    metric = task.rules.main_metric
    rows = [
        {"model": name, "seeds": len(next(iter(splits.values())))} | _scores(splits, metric) | benched.get(name, {})
        for name, splits in evaluated.items()
    ]
    results = {"metric": metric, "rows": rows, "evaluated": evaluated}
    store.write_json(run / NAME, results)
    return results


def _scores(splits: dict[str, list[dict[str, float]]], metric: str) -> dict[str, float]:
    """Summarise the seeds: `dev`, and `dev_std` (n - 1) where there are several."""
    scores: dict[str, float] = {}
    for split, runs in splits.items():
        values = [run[metric] for run in runs]
        scores[split] = mean(values)
        if len(values) > 1:
            scores[f"{split}_std"] = stdev(values)
    return scores
