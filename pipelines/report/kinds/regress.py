"""What the report shows of scores: how they are spread, and their correlation with labels and teacher."""

import numpy as np
import polars as pl

from data.tasks import metrics
from data.tasks.task import Task
from pipelines.report.gather import Run
from pipelines.report.kinds.shared import PARTS, Found, histogram
from pipelines.report.pages import pictures
from pipelines.report.pages.document import Block, Facts, Picture, Table

POINTS = 600  # points of the teacher's scatter
KEPT = 400  # points of a student's that are kept in a file
SCORES = ("pearson", "spearman")


def teacher_blocks(frame: pl.LazyFrame, task: Task) -> list[Block]:
    """Correlation with the labels, a histogram of the scores, and labels against scores."""
    known = frame.filter(pl.col("error").is_not_null()).select("label", "score").collect(engine="streaming")
    blocks: list[Block] = []
    if len(known) > 1:
        found = metrics.correlation(known["score"].to_numpy(), known["label"].to_numpy())
        facts = tuple((f"{found[name]:.3f}", f"{name} of score and label") for name in ("pearson", "spearman"))
        blocks.append(Facts(facts))
    ends = frame.select(pl.col("score").min().alias("low"), pl.col("score").max().alias("high")).collect()
    low, high = ends.row(0)
    if low is not None and high > low:
        blocks.append(histogram(frame, ("score", low, high), "score", "Scores of the teacher"))
    if len(known) > 1:
        few = known.gather_every(max(1, len(known) // POINTS))
        cloud = pictures.Line("teacher", 0, few["label"].to_list(), few["score"].to_list())
        svg = pictures.scatter([cloud], x_label="label", y_label="score")
        about = f"{len(few):,} labelled texts; on the dashed line score and label are equal."
        blocks.append(Picture("teacher-labels", "Teacher's score against the label", about, svg))
    return blocks


def compare(teacher: np.ndarray, student: np.ndarray) -> Found:
    """pearson, spearman and mse of the scores, and a few points. teacher, student: scores [N, 1]."""
    said, answered = teacher[:, 0], student[:, 0]
    step = max(1, len(said) // KEPT)
    points = np.round(np.stack([said, answered], axis=1)[::step][:KEPT], 4)  # [≤ KEPT, 2]
    return metrics.correlation(answered, said) | {"points": points.tolist()}


def agreement_blocks(run: Run, found: dict[str, Found]) -> list[Block]:
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
