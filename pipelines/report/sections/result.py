"""The first section: what came out, in one sentence, a few numbers, one table, and the models by size and speed."""

from collections.abc import Callable

from pipelines.report.gather import Run
from pipelines.report.pages import pictures
from pipelines.report.pages.document import Alert, Block, Facts, Paragraph, Picture, Section, Table
from pipelines.report.sections import models
from pipelines.report.sections.models import Row, times
from pipelines.scores import advice, rivals


def section(run: Run) -> Section | None:
    """Say what the students gained. None where no model has a score."""
    rows = models.rows_of(run)
    if not rows:
        return None
    said = run.advice
    blocks: list[Block] = [Paragraph(said.sentence)] if said else []
    blocks += [Alert(f"{warning[:1].upper()}{warning[1:]}.") for warning in said.warnings] if said else []
    blocks.append(Paragraph(sentence(run, rows)))
    if facts := _facts(run, rows):
        blocks.append(Facts(facts))
    named = ", ".join(f"the mean of {row['seeds']} seeds" for row in rows[-1:] if row["seeds"] > 1)
    title = f"All models: {run.metric}{f', {named}' if named else ''}"
    scores, costs = models.tables(rows)
    blocks.append(Table(title, scores))
    if costs:
        blocks.append(Table("Size and speed", costs))
    if measured := _measured(rows):
        blocks.append(Paragraph(measured))
    if not run.results:
        blocks.append(Alert("The models have not been measured yet: these are the dev scores noted in training."))
    blocks += [Alert(text) for text in warnings_of(run, rows)]
    if metrics := models.all_metrics(run):
        blocks.append(Table("All metrics", metrics, folded=True))
    if len(seeds := models.every_seed(run)) > len(rows):
        blocks.append(Table("Every seed", seeds, folded=True))
    blocks += _by_cost(run, rows)
    return Section("Result", tuple(blocks))


def sentence(run: Run, rows: list[Row]) -> str:
    """What was gained, in plain words with numbers."""
    teacher, best = models.teacher_of(rows), headline(run, rows)
    if best is None:
        if teacher is None:
            return "No student has a score yet."
        return f"The teacher reaches {models.score_text(teacher, _split(run, teacher))} {run.metric}; no student yet."
    split = _split(run, best)
    parts = [_way(run, rows, best), _costs(best, teacher), _gained(run, rows, best, split)]
    return "; ".join(part for part in parts if part) + "."


def _way(run: Run, rows: list[Row], best: Row) -> str:
    """The student's score, and its share of the way from labels alone (or the most frequent class) to the teacher."""
    split, teacher, found = _split(run, best), models.teacher_of(rows), best.get("way")
    said = f"The student {best['model']} reaches {models.score_text(best, split)} {split} {run.metric}"
    if teacher is None or teacher is best or not teacher.get(split):
        return said
    start = next((row for row in rows if found and row["model"] == found["start"]), None)
    if not found or start is None:
        return f"{said}, the teacher {models.score_text(teacher, split)}"
    name = start["model"] if models.is_rival(start) else "labels alone"
    low, high = found["low"], found["high"]
    interval = "" if low is None else f" (95 % interval {100 * low:.0f} to {100 * high:.0f} %)"
    return (
        f"{said}: {100 * found['share']:.0f} %{interval} of the way from {name}, {models.score_text(start, split)}, "
        f"to the teacher, {models.score_text(teacher, split)}"
    )


def warnings_of(run: Run, rows: list[Row]) -> list[str]:
    """What a reader must know before he ships the student: a simpler model that does as well."""
    best, teacher = headline(run, rows), models.teacher_of(rows)
    if best is None:
        return []
    split = _split(run, best)
    beaten = [row for row in rows if models.is_rival(row) and row.get(split, -1) >= best[split]]
    said = [
        f"The student {best['model']} ({models.score_text(best, split)}) is not better than {row['model']} "
        f"({models.score_text(row, split)})."
        for row in beaten
    ]
    above = [row for row in rows if models.is_rival(row) and teacher and row.get(split, -1) >= teacher.get(split, 2)]
    return said + [f"The teacher is not better than {row['model']} ({models.score_text(row, split)})." for row in above]


def headline(run: Run, rows: list[Row]) -> Row | None:
    """The student named in the headline: the best distilled one by dev score (never chosen by test score)."""
    plain = models.labels_only(run)
    students = [row for row in rows if row is not models.teacher_of(rows) and not models.is_rival(row)]
    distilled = [row for row in students if row["model"] not in plain]
    return max(distilled or students, key=_dev, default=None)


def _dev(row: Row) -> float:
    """What a model is chosen by."""
    return float(row["dev"] if "dev" in row else row["test"])


def _split(run: Run, row: Row) -> str:
    return run.split if run.split in row else "dev"


def _gained(run: Run, rows: list[Row], best: Row, split: str) -> str:
    """Compare with the best student that learned from labels alone."""
    plain = [row for row in rows if row["model"] in models.labels_only(run) and row is not best and split in row]
    if not plain:
        return ""
    other = max(plain, key=_dev)
    gain = 100 * (best[split] - other[split])
    how = f"gains {gain:.1f} points over" if gain > 0 else f"loses {-gain:.1f} points against"
    return f"it {how} the student trained on labels alone ({other['model']}, {models.score_text(other, split)})"


def _costs(best: Row, teacher: Row | None) -> str:
    size, speed = models.smaller(best, teacher), models.faster(best, teacher)
    said = [f"{times(size)} × smaller" if size else "", f"{times(speed)} × faster on one text" if speed else ""]
    return f"it is {' and '.join(part for part in said if part)}" if any(said) else ""


def _facts(run: Run, rows: list[Row]) -> tuple[tuple[str, str], ...]:
    best, teacher = headline(run, rows), models.teacher_of(rows)
    if best is None:
        return ()
    split = _split(run, best)
    facts = [(f"{100 * best[split]:.1f} %", f"{split} {run.metric} of {best['model']}")]
    if found := best.get("way"):
        facts.append((f"{100 * found['share']:.0f} %", f"of the way from {found['start']} to the teacher"))
    if size := models.smaller(best, teacher):
        facts.append((f"{times(size)} ×", "smaller than the teacher"))
    if speed := models.faster(best, teacher):
        facts.append((f"{times(speed)} ×", "faster on one text"))
    return tuple(facts)


def _measured(rows: list[Row]) -> str:
    """How speed was measured, where it was."""
    threads = next((row["threads"] for row in rows if row.get("threads")), None)
    if threads is None:
        return ""
    return (
        f"Speed: float32 on {threads} CPU thread{'s' if threads > 1 else ''}, tokenisation included, all models "
        "interleaved on the same texts; p50 and p95 are of single texts, rows/s of batches of up to 256 rows."
    )


COSTS: dict[str, tuple[str, Callable[[Row], float]]] = {
    "parameters": (
        "parameters, embeddings included (logarithmic)",
        models.all_parameters,
    ),
    "latency": ("milliseconds for one text, median (logarithmic)", lambda row: row.get("p50_ms") or 0),
}


def _by_cost(run: Run, rows: list[Row]) -> list[Block]:
    """Draw score against parameters and against latency, where two models or more have both."""
    drawn: list[Block] = []
    for name, (label, cost) in COSTS.items():
        found = [row for row in rows if run.split in row and cost(row)]
        points = [_point(run, row, float(cost(row)), sized=name == "latency") for row in found]
        if len(points) > 1:
            floor = next((row for row in rows if row["model"] in (rivals.MOST, rivals.MEAN) and run.split in row), None)
            level = (floor["model"], 100 * floor[run.split]) if floor else None
            svg = pictures.models(points, x_label=label, y_label=f"{run.split} {run.metric} %", level=level)
            said = "; ".join(f"{point.name} {point.y:.1f} % at {pictures.compact(point.x)}" for point in points)
            title = f"{run.metric.capitalize()} against {name}"
            about = "Up and to the left is better." + (
                " The area of a mark is its size in MB." if points[0].area else ""
            )
            drawn.append(Picture(f"by-{name}", title, about, svg, said))
    return drawn


def _point(run: Run, row: Row, cost: float, *, sized: bool) -> pictures.Point:
    size = float(row.get("megabytes") or 0) if sized else 0.0
    return pictures.Point(
        f"{row['model']}, {advice.number(size)} MB" if size else row["model"],
        run.tone(row["model"]),
        cost,
        100 * row[run.split],
        100 * row.get(f"{run.split}_std", 0.0),
        size,
        models.is_rival(row),
    )
