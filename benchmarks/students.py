"""Every student from one cache, side by side with TF-IDF on the teacher's labels and a static model.

python -m benchmarks.students --cache runs/sst2-10k/cache --dev sst2/dev.tsv --test sst2/test.tsv
"""

import argparse
import time
from pathlib import Path
from typing import Any

from benchmarks.quality.arm import Row, measured
from benchmarks.quality.command import SOFT, add_files, keep, options, settings_of
from benchmarks.quality.static import static_scores
from benchmarks.quality.tables import result_of, show
from benchmarks.race.results import add_aim
from data.manifest import read_manifest
from data.progress import Progress
from data.readers.source import Source
from pipelines.scores import rivals
from student_train.config import PLUS
from student_train.models.table import MODELS

SUMS = ("conv+dan", "conv+dan+bag", "bilstm+dan+bag", "dan+bag")
STATIC = "static vectors, logistic regression"


def main() -> None:
    made = options("students", __doc__)
    add_files(made)
    made.add_argument("--cache", type=Path, required=True, help="a sealed cache of logits")
    made.add_argument("--students", help="names, with commas between; all that read one text where nothing is said")
    keep("students", made.parse_args(), measure, show)


def measure(values: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """The rows of all students and rivals, with the aims that they are held against."""
    files = {"dev": values.dev, "test": values.test}
    names = values.students.split(",") if values.students else [*single_text(), *SUMS]
    settings = settings_of(values, {"losses": SOFT})
    rows, started = rival_rows(values.cache, files, progress), time.monotonic()
    for name in names:
        rows.append(
            measured(name, settings | {"model": name}, [values.cache], files, values.work / name, progress=progress)
        )
    result = result_of("students", rows, seconds=time.monotonic() - started, cache=read_manifest(values.cache, "cache"))
    add_aims(result, {row.arm: row for row in rows})
    return result


def single_text() -> list[str]:
    """Students that read one text, cut into sub-words."""
    return [name for name, model in MODELS.items() if 1 in model.texts and "subwords" in model.units]


def rival_rows(cache: Path, files: dict[str, Path], progress: Progress) -> list[Row]:
    """TF-IDF on labels and on the teacher's labels, the most frequent class, and static vectors."""
    manifest = read_manifest(cache, "cache")
    examples, metric = cache / str(manifest.config["examples"]), manifest.task.rules.main_metric
    sources = {name: Source(path) for name, path in files.items()}
    found = rivals.measure(examples, cache, sources, progress=progress)
    rows = [Row(name, 1, *(scores[file].mean(metric) for file in ("dev", "test"))) for name, scores in found.items()]
    static = static_scores(cache, files)
    return [*rows, Row(STATIC, 1, static["dev"], static["test"])]


def add_aims(result: dict[str, Any], rows: dict[str, Row]) -> None:
    """Hold the table against what a small student is for."""
    if {"dan", "bilstm"} <= rows.keys():
        dan, bilstm = rows["dan"], rows["bilstm"]
        assert dan.predict_rows and bilstm.predict_rows
        add_aim(result, "dan / bilstm, rows/s of prediction", dan.predict_rows / bilstm.predict_rows, least=10)
        tfidf = rows[rivals.ON_TEACHER].test
        add_aim(result, "dan - TF-IDF on the teacher's labels, points", 100 * (dan.test - tfidf), least=0)
    for name in (name for name in rows if PLUS in name):
        parts = [rows[part].test for part in name.split(PLUS) if part in rows]
        if parts:
            add_aim(result, f"{name} - the best of its parts, points", 100 * (rows[name].test - max(parts)), least=0)


if __name__ == "__main__":
    main()
