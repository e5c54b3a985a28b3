"""How alike students and teacher answer: on held-out texts, and on the same rows of the cache.

The first is what the run measured (`evaluate.json`). The second is kept as `report/agreement.json`: a student is asked
again only when it or the cache is another (their roots tell).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data import store
from data.errors import PotstillError
from data.layout import REPORT
from data.tasks import metrics
from data.tasks.classify import probabilities
from data.text.encoding import ANSWERED
from pipelines.report.gather import Arm, Run
from pipelines.report.pages import pictures
from pipelines.report.pages.document import Alert, Block, Paragraph, Picture, Section, Table
from pipelines.screen.console import cell
from pipelines.steps.results import AGREEMENT
from teacher_cache.frame import open_frame

NAME = "agreement.json"
ROWS = 2000  # half originals, half augmented, where there are so many
POINTS = 400  # points of a scatter that are kept

Found = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """Rows of a cache. texts, pairs (None for single texts); logits [N, C] of the teacher; original [N] bool."""

    texts: list[str]
    pairs: list[str] | None
    logits: np.ndarray
    original: np.ndarray


def section(run: Run) -> Section | None:
    """Compare each student with the teacher. None without a cache or a student, or for a kind without a view."""
    arms = [arm for arm in run.arms if arm.seeds]
    if run.cache is None or not arms or run.cache.task.kind not in KINDS:
        return None
    compare, blocks_of = KINDS[run.cache.task.kind]
    try:
        found = measure(run, arms, compare)
    except PotstillError as error:
        return Section("Students and teacher", (Alert(f"Not compared: {error.message}"),))
    originals, augmented = (next(iter(found.values()))["rows"][key] for key in ("originals", "augmented"))
    about = (
        f"Each student's best seed and the teacher on the same {originals + augmented:,} rows of the cache: "
        f"{originals:,} original texts and {augmented:,} augmented ones. Students have learned from rows like these."
    )
    return Section("Students and teacher", (*held_out(run), Paragraph(about), *blocks_of(run, found)))


def held_out(run: Run) -> list[Block]:
    """Agreement on the labelled files of the run, which no student and no teacher has learned from."""
    measured, splits = run.results.get("evaluated", {}), []
    rows = []
    for arm in run.arms:
        found = {split: seeds["all"].get(AGREEMENT) for split, seeds in measured.get(arm.name, {}).items()}
        splits += [split for split, value in found.items() if value]
        if any(found.values()):
            rows.append({"student": arm.name} | {f"{split} %": _mean(value) for split, value in found.items()})
    if not rows:
        return []
    what = "share of equal answers" if run.task.labels else f"{run.metric} correlation of the scores"
    about = (
        f"On {' and '.join(dict.fromkeys(splits))}, texts that no student has learned from (dev chose its best "
        f"step): {what}, whatever the labels say; the mean over the seeds."
    )
    return [Paragraph(about), Table("Agreement with the teacher on held-out texts", rows)]


def measure(run: Run, arms: list[Arm], compare: Callable[[np.ndarray, np.ndarray], Found]) -> dict[str, Found]:
    """Name -> {"root", "rows", "originals": numbers, "augmented": numbers}, from the kept file where it still holds."""
    assert run.cache is not None
    path = run.path / REPORT / NAME
    kept = _read(path, run.cache.root)
    roots = {arm.name: _best(arm)[1] for arm in arms}
    missing = [arm for arm in arms if kept.get(arm.name, {}).get("root") != roots[arm.name]]
    if missing:
        sample = take(run.cache_path)
        kept |= {arm.name: {"root": roots[arm.name]} | _compare(arm, sample, compare) for arm in missing}
        store.write_json(path, {"cache": run.cache.root, "rows": ROWS, "students": kept})
    return {arm.name: kept[arm.name] for arm in arms}


def take(cache: Path, rows: int = ROWS) -> Sample:
    """Take rows evenly spread over a cache, half of them originals where both kinds suffice."""
    frame = open_frame(cache).filter(pl.col("status").is_in(ANSWERED)).select("text", "pair", "logits", "op")
    made = pl.col("op").is_not_null()
    held = frame.select((~made).sum().alias("originals"), made.sum().alias("augmented")).collect().row(0, named=True)
    half = rows // 2
    originals = min(held["originals"], max(half, rows - held["augmented"]))
    shares = [(~made, held["originals"], originals), (made, held["augmented"], rows - originals)]
    parts = [
        frame.filter(which).gather_every(max(1, there // max(1, wanted))).head(wanted).collect()
        for which, there, wanted in shares
    ]
    table = pl.concat(parts)
    pairs = table["pair"].to_list()
    return Sample(
        table["text"].to_list(),
        None if all(pair is None for pair in pairs) else [pair or "" for pair in pairs],
        table["logits"].to_numpy().astype(np.float64),
        table["op"].is_null().to_numpy(),
    )


def compare_classes(teacher: np.ndarray, student: np.ndarray) -> Found:
    """agreement: share of equal predictions; kl: mean KL(teacher ‖ student) in nats; table: counts [teacher][student].

    teacher, student: logits [N, C].
    """
    said, answered = teacher.argmax(axis=1), student.argmax(axis=1)
    p, q = (np.clip(probabilities(logits), 1e-12, 1.0) for logits in (teacher, student))
    table = np.zeros((teacher.shape[1],) * 2, int)
    np.add.at(table, (said, answered), 1)
    return {
        "agreement": float((said == answered).mean()),
        "kl": float((p * np.log(p / q)).sum(axis=1).mean()),
        "table": table.tolist(),
    }


def compare_scores(teacher: np.ndarray, student: np.ndarray) -> Found:
    """pearson, spearman and mse of the scores, and a few points. teacher, student: scores [N, 1]."""
    said, answered = teacher[:, 0], student[:, 0]
    step = max(1, len(said) // POINTS)
    points = np.round(np.stack([said, answered], axis=1)[::step][:POINTS], 4)  # [≤ POINTS, 2]
    return metrics.correlation(answered, said) | {"points": points.tolist()}


def class_blocks(run: Run, found: dict[str, Found]) -> list[Block]:
    """Agreement of each student with the teacher on original and augmented texts, and a confusion table."""
    rows = [
        {"student": name}
        | {f"{part}: same answer %": f"{100 * one[part]['agreement']:.1f}" if one.get(part) else "–" for part in PARTS}
        | {f"{part}: KL nats": cell(one[part]["kl"]) if one.get(part) else "–" for part in PARTS}
        for name, one in found.items()
    ]
    title = "Same answer as the teacher; KL(teacher ‖ student), 0 is the same distribution"
    return [_bars(run, found), Table(title, rows), *_tables(run, found)]


def score_blocks(run: Run, found: dict[str, Found]) -> list[Block]:
    """Correlation of each student's score with the teacher's, and the scores as clouds."""
    rows = [
        {"student": name}
        | {f"{part}: {key}": f"{one[part][key]:.3f}" if one.get(part) else "–" for part in PARTS for key in SCORES}
        for name, one in found.items()
    ]
    clouds = []
    for name, one in found.items():
        points = [point for part in PARTS if one.get(part) for point in one[part]["points"]]
        clouds.append(
            pictures.Line(name, run.tone(name), [point[0] for point in points], [point[1] for point in points])
        )
    svg = pictures.scatter(clouds, x_label="teacher's score", y_label="student's score")
    about = "One point a text; on the dashed line both scores are equal."
    picture = Picture("agreement", "Student's score against the teacher's", about, svg)
    return [picture, Table("Correlation with the teacher's score", rows)]


PARTS, SCORES = ("originals", "augmented"), ("pearson", "spearman")
# One line per kind of task: how two answers are compared, and how that is shown.
KINDS: dict[str, tuple[Callable[[np.ndarray, np.ndarray], Found], Callable[[Run, dict[str, Found]], list[Block]]]] = {
    "classify": (compare_classes, class_blocks),
    "regress": (compare_scores, score_blocks),
}


def _compare(arm: Arm, sample: Sample, compare: Callable[[np.ndarray, np.ndarray], Found]) -> Found:
    from student_train.student import Student

    logits = Student.load(arm.place(_best(arm)[0])).logits(sample.texts, sample.pairs).astype(np.float64)
    found: Found = {"seed": _best(arm)[0], "rows": {}}
    for part, rows in (("originals", sample.original), ("augmented", ~sample.original)):
        found["rows"][part] = int(rows.sum())
        if rows.any():
            found[part] = compare(sample.logits[rows], logits[rows])
    return found


def _best(arm: Arm) -> tuple[str, str]:
    """Name and root of the best seed; while some are unfinished, of the first finished one."""
    best = arm.manifest.report.get("best") if arm.manifest else None
    name = best if best in arm.seeds else next(iter(arm.seeds))
    return name, arm.seeds[name].root


def _read(path: Path, cache: str) -> dict[str, Found]:
    """The kept numbers, if they are of this cache."""
    try:
        kept = store.read_json(path)
    except PotstillError:
        return {}
    fits = isinstance(kept, dict) and kept.get("cache") == cache and kept.get("rows") == ROWS
    return dict(kept["students"]) if fits else {}


def _mean(value: dict[str, float] | None) -> str:
    if not value:
        return "–"
    return f"{100 * value['mean']:.1f}" + (f" ± {100 * value['std']:.1f}" if value["std"] else "")


def _bars(run: Run, found: dict[str, Found]) -> Picture:
    values = {
        f"{name}, {part}": 100 * one[part]["agreement"]
        for name, one in found.items()
        for part in PARTS
        if one.get(part)
    }
    tones = [run.tone(name) for name, one in found.items() for part in PARTS if one.get(part)]
    labels = [f"{value:.1f} %" for value in values.values()]
    said = "; ".join(f"{name} {label}" for name, label in zip(values, labels, strict=True))
    svg = pictures.bars(values, labels, x_label="% of rows with the teacher's answer", tones=tones)
    return Picture("agreement", "Same answer as the teacher", "", svg, said)


def _tables(run: Run, found: dict[str, Found]) -> list[Block]:
    """Confusion tables of teacher and student over all sampled rows; empty if there are too many classes."""
    assert run.cache is not None
    names = run.cache.task.labels
    if len(names) > 10:
        return []
    rows = []
    for student, one in found.items():
        counts = np.sum([one[part]["table"] for part in PARTS if one.get(part)], axis=0)  # [C, C]
        rows += [
            {"student": student, "teacher says": name}
            | {f"student: {said}": int(counts[row][column]) for column, said in enumerate(names)}
            for row, name in enumerate(names)
        ]
    return [Table("What each says, in rows", rows)]
