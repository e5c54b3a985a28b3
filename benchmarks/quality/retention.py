"""How much of its teacher a student keeps, lever by lever: moving averages, fresh draws, several teachers, sums.

python -m benchmarks.quality.retention --cache A --cache B --cache C --teacher TEACHER_OF_A --dev DEV --test TEST
"""

import argparse
import time
from pathlib import Path
from typing import Any

from benchmarks.quality.arm import Row, measured
from benchmarks.quality.command import SOFT, add_files, keep, options, settings_of
from benchmarks.quality.tables import result_of, show
from benchmarks.race.results import add_aim
from data.errors import PotstillError
from data.manifest import read_manifest
from data.progress import Progress
from data.readers.source import Source
from pipelines.inputs.places import locate_base
from student_train.measure.evaluate import evaluate_all

TEACHER, LABELS, SEVERAL, EVERYTHING = "teacher", "labels alone", "several teachers", "all together"
DISTILLED = {"losses": SOFT}
AVERAGE, DRAWS = {"ema": 0.999}, {"draws": 4}
# An arm -> its settings beside the model's.
ARMS: dict[str, dict[str, Any]] = {
    LABELS: {"losses": {"ce": 1.0}, "rows": "original", "batch_size": 32, "dropout": 0.3},
    "one teacher": DISTILLED,
    "moving average": DISTILLED | AVERAGE,
    "fresh draws": DISTILLED | DRAWS,
    SEVERAL: DISTILLED,
    EVERYTHING: DISTILLED | AVERAGE | DRAWS,
}
ALL_CACHES = (SEVERAL, EVERYTHING)  # arms that learn from the mean of all caches, others from the first
SMALL = 1_000_000  # parameters of a student without its word table


def main() -> None:
    made = options("retention", __doc__)
    add_files(made)
    made.add_argument("--cache", type=Path, action="append", required=True, help="of one set of examples; repeatable")
    made.add_argument("--teacher", type=Path, required=True, help="the model whose answers the first cache holds")
    made.add_argument("--model", default="bigru+dan+bag", help="the student")
    made.add_argument("--arms", default=",".join(ARMS), help="with commas between")
    keep("retention", made.parse_args(), measure, show)


def measure(values: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """The rows of all arms and of the teacher, with the aims that they are held against."""
    files, started = {"dev": values.dev, "test": values.test}, time.monotonic()
    rows = [teacher_row(values.teacher, files, progress)]
    for name in values.arms.split(","):
        caches = values.cache if name in ALL_CACHES else values.cache[:1]
        if name in ALL_CACHES and len(values.cache) < 2:
            raise PotstillError(f"{name!r} needs more than one cache", hint="name each teacher's with --cache")
        out = values.work / name.replace(" ", "-")
        rows.append(measured(name, arm_settings(name, values), caches, files, out, progress=progress))
    cache = read_manifest(values.cache[0], "cache")
    result = result_of("retention", rows, seconds=time.monotonic() - started, cache=cache)
    add_aims(result, {row.arm: row for row in rows})
    return result


def arm_settings(name: str, values: argparse.Namespace) -> dict[str, Any]:
    """An arm's settings; on labels alone the word vectors are those of the encoder before fine-tuning."""
    if name not in ARMS:
        raise PotstillError(f"arm {name!r} is none", hint=f"arms: {', '.join(ARMS)}")
    made = settings_of(values, ARMS[name] | {"model": values.model})
    if name != LABELS:
        return made
    base = locate_base(str(values.teacher))
    return made | ({"vectors": base} if base else {"vocabulary": "subwords"})


def teacher_row(teacher: Path, files: dict[str, Path], progress: Progress) -> Row:
    sources = {name: Source(path) for name, path in files.items()}
    found = evaluate_all({TEACHER: teacher}, sources, progress=progress)[TEACHER]
    metric = read_manifest(teacher, "teacher").task.rules.main_metric
    return Row(TEACHER, 1, found["dev"].mean(metric), found["test"].mean(metric))


def add_aims(result: dict[str, Any], rows: dict[str, Row]) -> None:
    """Hold the students against the way from labels alone to the teacher, and against the teacher."""
    teacher = rows[TEACHER].test
    students = [row for name, row in rows.items() if name not in (TEACHER, LABELS)]
    if LABELS in rows and teacher > rows[LABELS].test:
        for row in students:
            share = (row.test - rows[LABELS].test) / (teacher - rows[LABELS].test)
            add_aim(result, f"{row.arm}: share of the way from labels alone to the teacher, %", 100 * share, least=90)
    small = [row.test for row in students if row.parameters is not None and row.parameters <= SMALL]
    if small:
        add_aim(result, f"best student of ≤ {SMALL:,} parameters / teacher, %", 100 * max(small) / teacher, least=99.3)


if __name__ == "__main__":
    main()
