"""What the report shows of classes: entropy, agreement with labels and teacher, who says what."""

import numpy as np
import polars as pl

from data.tasks.classify import probabilities
from data.tasks.task import Task
from pipelines.report.gather import Run
from pipelines.report.kinds.shared import PARTS, Found, histogram
from pipelines.report.pages import pictures
from pipelines.report.pages.document import Block, Facts, Picture, Table
from pipelines.screen.console import cell
from teacher_cache.view.classify import most_entropy


def teacher_blocks(frame: pl.LazyFrame, task: Task) -> list[Block]:
    """Agreement with the labels, a histogram of the entropy, and labels against predictions."""
    labelled = frame.filter(pl.col("agrees").is_not_null())
    counts = labelled.group_by("label", "prediction").len().collect(engine="streaming").to_dicts()
    total = sum(row["len"] for row in counts)
    right = sum(row["len"] for row in counts if task.labels[row["label"]] == row["prediction"])
    blocks: list[Block] = []
    if total:
        facts = ((f"{100 * right / total:.1f} %", f"of {total:,} labels are the teacher's answer too"),)
        blocks.append(Facts(facts))
    label = "entropy in nats: 0 is certain, the right edge knows nothing"
    blocks.append(histogram(frame, ("entropy", 0.0, most_entropy(task)), label, "Entropy of the teacher"))
    if total and len(task.labels) <= 12:
        grid = {(row["label"], row["prediction"]): row["len"] for row in counts}
        rows = [
            {"label": name} | {f"teacher: {said}": grid.get((number, said), 0) for said in task.labels}
            for number, name in enumerate(task.labels)
        ]
        blocks.append(Table("Labels and what the teacher says", rows))
    return blocks


def compare(teacher: np.ndarray, student: np.ndarray) -> Found:
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


def agreement_blocks(run: Run, found: dict[str, Found]) -> list[Block]:
    """Agreement of each student with the teacher on original and augmented texts, and a confusion table."""
    rows = [
        {"student": name}
        | {f"{part}: same answer %": f"{100 * one[part]['agreement']:.1f}" if one.get(part) else "–" for part in PARTS}
        | {f"{part}: KL nats": cell(one[part]["kl"]) if one.get(part) else "–" for part in PARTS}
        for name, one in found.items()
    ]
    title = "Same answer as the teacher; KL(teacher ‖ student), 0 is the same distribution"
    return [bars_of(run, found), Table(title, rows), *tables_of(run, found)]


def bars_of(run: Run, found: dict[str, Found]) -> Picture:
    """The share of equal answers as bars, of originals and augmented texts apart."""
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


def tables_of(run: Run, found: dict[str, Found]) -> list[Block]:
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
