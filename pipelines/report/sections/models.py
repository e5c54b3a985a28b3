"""What the models of a run scored and cost: one row a model, measured where it was, else what the manifests say."""

from data.layout import SEED
from data.manifest import Manifest
from data.tasks.metrics import spread
from pipelines.report.gather import Arm, Run
from pipelines.report.pages import pictures
from pipelines.scores import rivals
from pipelines.scores.outcome import Row
from pipelines.steps import results
from pipelines.steps.order import TEACHER

SCORES = ("model", "test %", "dev %", "of the way %", "agreement %", "× smaller", "× faster", "seeds")
COSTS = ("model", *results.SHOWN.values())


def rows_of(run: Run) -> list[Row]:
    """One row a model, teacher first; a student that is not in the final table comes with its dev score."""
    rows = [dict(row) for row in run.results.rows]
    named = {row["model"] for row in rows}
    if TEACHER not in named and run.teacher is not None:
        rows.insert(0, _from_teacher(run.teacher, run.metric))
    return rows + [_from_manifests(arm, run.metric) for arm in run.arms if arm.seeds and arm.name not in named]


def teacher_of(rows: list[Row]) -> Row | None:
    return next((row for row in rows if row["model"] == TEACHER), None)


def shown(row: Row, teacher: Row | None) -> Row:
    """All cells of a row, written for a person; × smaller (in bytes) and × faster (on one text) than the teacher."""
    cells: Row = dict(results.shown(row)) | {"× smaller": "–", "× faster": "–"}
    if size := smaller(row, teacher):
        cells["× smaller"] = times(size)
    if speed := faster(row, teacher):
        cells["× faster"] = times(speed)
    for name in ("parameters", "embedding_parameters"):
        if row.get(name):
            cells[results.SHOWN[name]] = pictures.compact(row[name])
    return cells


def tables(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """The final table in two halves that fit a screen: scores, then size and speed of what was measured."""
    cells = [shown(row, teacher_of(rows)) for row in rows]
    scores, costs = ([{name: row[name] for name in names if name in row} for row in cells] for names in (SCORES, COSTS))
    return scores, [row for row in costs if set(row.values()) - {row["model"], "–"}]


def times(ratio: float) -> str:
    """Write how many times: 9.9, 132."""
    return f"{ratio:.1f}" if ratio < 100 else f"{ratio:,.0f}"


def smaller(row: Row, teacher: Row | None) -> float | None:
    """The teacher's bytes over this model's."""
    return _ratio(teacher, row, "megabytes")


def faster(row: Row, teacher: Row | None) -> float | None:
    """The teacher's median latency of one text over this model's."""
    return _ratio(teacher, row, "p50_ms")


def score(row: Row, split: str) -> float | None:
    """The main metric on a split, in percent."""
    return 100 * row[split] if split in row else None


def score_text(row: Row, split: str) -> str:
    """`89.7 %`, or `89.7 ± 0.2 %` over several seeds."""
    spread = f" ± {100 * row[f'{split}_std']:.1f}" if row.get(f"{split}_std") else ""
    return f"{100 * row[split]:.1f}{spread} %"


def labels_only(run: Run) -> list[str]:
    """Students that learned from labels alone: what a distilled one is compared with."""
    return [arm.name for arm in run.arms if arm.labels_only]


def is_rival(row: Row) -> bool:
    return row["model"] in rivals.NAMES


def all_metrics(run: Run) -> list[Row]:
    """Every metric of every model on every split, the mean over its seeds."""
    return [
        {"model": model, "split": split} | {name: round(found.mean(name), 4) for name in found.metrics}
        for model, splits in run.results.evaluated.items()
        for split, found in splits.items()
    ]


def every_seed(run: Run) -> list[Row]:
    """The metric of each seed of each model on each split, in percent; of unmeasured models the dev metric."""
    rows = []
    measured = run.results.evaluated
    for model, splits in measured.items():
        names = [*next(iter(splits.values())).seeds]
        for name in names:
            scores = {f"{split} %": f"{100 * found.seeds[name][run.metric]:.2f}" for split, found in splits.items()}
            rows.append({"model": model, "seed": name.removeprefix(SEED) if len(names) > 1 else "–"} | scores)
    for arm in run.arms:
        if arm.name not in measured and len(arm.seeds) > 1:
            rows += [
                {"model": arm.name, "seed": key.removeprefix(SEED), "dev %": f"{100 * dev(seed, run.metric):.2f}"}
                for key, seed in arm.seeds.items()
            ]
    order = {row["model"]: place for place, row in enumerate(rows_of(run))}
    return sorted(rows, key=lambda row: order.get(row["model"], 0))


def dev(seed: Manifest, metric: str) -> float:
    return float(seed.report["dev"][metric])


def all_parameters(row: Row) -> float:
    """Parameters with embeddings; 0 where unknown."""
    return float(row.get("all_parameters") or (row.get("parameters") or 0) + (row.get("embedding_parameters") or 0))


def _from_teacher(teacher: Manifest, metric: str) -> Row:
    """The teacher's row before anything was measured: of its parameters only the total is known."""
    size = sum(part.bytes for part in teacher.parts) / 1e6
    row: Row = {"model": TEACHER, "seeds": 1, "dev": dev(teacher, metric), "megabytes": size or None}
    return row | {"all_parameters": teacher.report.get("parameters")}


def _from_manifests(arm: Arm, metric: str) -> Row:
    """A row of what training itself noted."""
    found = spread([dev(seed, metric) for seed in arm.seeds.values()])
    report = next(iter(arm.seeds.values())).report
    row: Row = {"model": arm.name, "seeds": len(arm.seeds), "dev": found["mean"]}
    if len(arm.seeds) > 1:
        row["dev_std"] = found["std"]
    sizes = {key: report.get(key) for key in ("parameters", "embedding_parameters")}
    return row | sizes | {"megabytes": report["bytes"] / 1e6}


def _ratio(above: Row | None, below: Row, key: str) -> float | None:
    if above is None or above is below or not above.get(key) or not below.get(key):
        return None
    return float(above[key]) / float(below[key])
