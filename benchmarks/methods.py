"""Every method on one transformer student, from one cache that holds the signals of all of them.

python -m benchmarks.methods --cache CACHE --start TEACHER --dev DEV --test TEST [--size 3]
"""

import argparse
import time
from pathlib import Path
from typing import Any

from benchmarks.quality.arm import Row, measured
from benchmarks.quality.command import add_files, keep, options, settings_of
from benchmarks.quality.tables import COLUMNS, cell
from benchmarks.race.results import about, add_aim, aims_of
from data.manifest import Manifest, read_manifest
from data.progress import Progress
from data.row_groups import column_bytes
from student_train.config import TrainConfig
from student_train.methods import METHODS
from student_train.resolve import compared_signals, teacher_stack
from student_train.stages import stages_of

PLAIN = ("hinton", "tang", "mkd")  # plain distillation, which the others are held against
HEADS = ("method", "losses", "signals", "bytes a row", "seeds", *(COLUMNS[name] for name in ("test", "dev")))
HEADS += ("steps", "rows/s, training")


def main() -> None:
    made = options("methods", __doc__)
    add_files(made)
    made.add_argument("--cache", type=Path, required=True, help="a sealed cache: potstill cache … --for METHOD,…")
    made.add_argument("--start", required=True, help="the encoder whose layers the students start from")
    made.add_argument("--size", type=int, default=3, help="layers of the students")
    made.add_argument("--methods", default=",".join(METHODS), help="with commas between")
    keep("methods", made.parse_args(), measure, show)


def measure(values: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """A row for each method, with what it reads of the cache, and the aims that they are held against."""
    files, started = {"dev": values.dev, "test": values.test}, time.monotonic()
    cache = read_manifest(values.cache, "cache")
    own = {"model": "transformer", "start": values.start, "shape": {"size": values.size}}
    common = settings_of(values, own)
    rows: dict[str, Row] = {}
    read: dict[str, dict[str, Any]] = {}
    for name in values.methods.split(","):
        config = TrainConfig(model="transformer", method=name, shape={"size": values.size})
        stages, teacher = stages_of(config), teacher_stack(cache)
        signals = tuple(dict.fromkeys(signal for stage in stages for signal in compared_signals(stage, teacher)))
        read[name] = {"signals": list(signals), "bytes_a_row": bytes_a_row(values.cache, cache, signals)}
        read[name]["losses"] = list(dict.fromkeys(loss for stage in stages for loss in stage.losses))
        rows[name] = measured(
            name, common | {"method": name}, [values.cache], files, values.work / name, progress=progress
        )
    result = about("methods") | {"rows": [row.values | read[name] for name, row in rows.items()], "aims": {}}
    add_aims(result, rows)
    return result | {"seconds": round(time.monotonic() - started, 1), "cache": {"root": cache.root, "rows": cache.rows}}


def bytes_a_row(directory: Path, cache: Manifest, signals: tuple[str, ...]) -> int:
    """Bytes on disk of some columns of a cache, a row in the mean."""
    return round(sum(column_bytes(directory / part.name, signals) for part in cache.parts) / max(1, cache.rows))


def add_aims(result: dict[str, Any], rows: dict[str, Row]) -> None:
    """Hold each method on layers against the best of plain distillation: not worse beyond the noise of the seeds."""
    plain = [row for name, row in rows.items() if name in PLAIN]
    if not plain:
        return
    best = max(plain, key=lambda row: row.test)
    for name, row in rows.items():
        if name not in PLAIN:
            noise = ((row.test_std**2 + best.test_std**2) / max(1, row.seeds)) ** 0.5
            more = 100 * (row.test - best.test + 2 * noise)
            add_aim(result, f"{name} - {best.arm} + twice the error, points", more, least=0)


def show(result: dict[str, Any]) -> str:
    """Methods and aims as Markdown, the best last."""
    place = result["machine"]
    lines = [
        f"**methods** — {place['processor']}, {place['cores']} cores, {result['date']} UTC, {result['commit']}; "
        f"a cache of {result['cache']['rows']:,} rows",
        "",
        f"| {' | '.join(HEADS)} |",
        "|" + "---|" * len(HEADS),
    ]
    for row in sorted(result["rows"], key=lambda row: row["test"]):
        cells = [row["arm"], ", ".join(row["losses"]), ", ".join(row["signals"]), f"{row['bytes_a_row']:,}"]
        cells += [str(row["seeds"]), *(cell(row, name) for name in ("test", "dev", "steps", "train_rows"))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *aims_of(result)])


if __name__ == "__main__":
    main()
