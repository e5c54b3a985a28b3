"""How alike students and teacher answer: on held-out texts, and on the same rows of the cache.

The first is what the run measured (`evaluate.json`). The second is kept as `report/agreement.json`: a student is asked
again only when it or the cache is another (their roots tell).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from data import store
from data.errors import PotstillError
from data.layout import REPORT
from data.text.encoding import ANSWERED
from pipelines.report.gather import Arm, Run
from pipelines.report.kinds.shared import Found
from pipelines.report.kinds.table import VIEWS
from pipelines.report.pages.document import Alert, Block, Paragraph, Section, Table
from pipelines.steps.results import AGREEMENT
from teacher_cache.frame import open_frame

NAME = "agreement.json"
ROWS = 2000  # half originals, half augmented, where there are so many


@dataclass(frozen=True)
class Sample:
    """Rows of a cache. texts, pairs (None for single texts); logits [N, C] of the teacher; original [N] bool."""

    texts: list[str]
    pairs: list[str] | None
    logits: np.ndarray
    original: np.ndarray


def section(run: Run) -> Section | None:
    """Compare each student with the teacher. None without a cache or a student."""
    arms = [arm for arm in run.arms if arm.seeds]
    if run.cache is None or not arms:
        return None
    view = VIEWS[run.cache.task.kind]
    try:
        found = measure(run, arms, view.compare)
    except PotstillError as error:
        return Section("Students and teacher", (Alert(f"Not compared: {error.message}"),))
    originals, augmented = (next(iter(found.values()))["rows"][key] for key in ("originals", "augmented"))
    about = (
        f"Each student's best seed and the teacher on the same {originals + augmented:,} rows of the cache: "
        f"{originals:,} original texts and {augmented:,} augmented ones. Students have learned from rows like these."
    )
    return Section("Students and teacher", (*held_out(run), Paragraph(about), *view.agreement(run, found)))


def held_out(run: Run) -> list[Block]:
    """Agreement on the labelled files of the run, which no student and no teacher has learned from."""
    measured, splits = run.results.evaluated, []
    rows = []
    for arm in run.arms:
        splits_of = measured.get(arm.name, {}).items()
        found = {split: held.spread(AGREEMENT) if AGREEMENT in held.metrics else None for split, held in splits_of}
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
