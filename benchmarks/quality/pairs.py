"""Students of pairs from one cache a data set: words beside those of the other text, or each text by itself.

python -m benchmarks.quality.pairs --set mnli=runs/mnli/cache,mnli/dev.tsv,mnli/test.tsv --set qqp=…
"""

import argparse
import time
from pathlib import Path
from typing import Any

from benchmarks.quality.arm import Row, measured
from benchmarks.quality.command import SOFT, keep, options, settings_of
from benchmarks.quality.tables import COLUMNS, cell
from benchmarks.race.results import about, add_aim, aims_of
from data.errors import PotstillError
from data.progress import Progress

APART, TOGETHER = "siamese_bilstm", "bi_attention"
STUDENTS = (APART, TOGETHER, "conv+dan+bag")


def main() -> None:
    made = options("pairs", __doc__)
    made.add_argument("--set", action="append", required=True, help="NAME=CACHE,DEV,TEST; repeatable")
    made.add_argument("--students", default=",".join(STUDENTS), help="names, with commas between")
    keep("pairs", made.parse_args(), measure, show)


def measure(values: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """The students of every set, and how much reading both texts together gives."""
    settings = settings_of(values, {"losses": SOFT})
    result, started = about("pairs") | {"rows": [], "aims": {}}, time.monotonic()
    for name, cache, files in map(given, values.set):
        rows: dict[str, Row] = {}
        for model in values.students.split(","):
            out = values.work / name / model
            rows[model] = measured(model, settings | {"model": model}, [cache], files, out, progress=progress)
            result["rows"].append({"set": name} | rows[model].values)
        if {APART, TOGETHER} <= rows.keys():
            gain = 100 * (rows[TOGETHER].test - rows[APART].test)
            add_aim(result, f"{name}: {TOGETHER} - {APART}, points", gain, least=3)
    return result | {"seconds": round(time.monotonic() - started, 1)}


def given(text: str) -> tuple[str, Path, dict[str, Path]]:
    """Read NAME=CACHE,DEV,TEST."""
    name, _, places = text.partition("=")
    found = [Path(place) for place in places.split(",")]
    if len(found) != 3:
        raise PotstillError(f"--set {text} is not NAME=CACHE,DEV,TEST")
    return name, found[0], {"dev": found[1], "test": found[2]}


def show(result: dict[str, Any]) -> str:
    """Sets, students and aims as Markdown."""
    place = result["machine"]
    lines = [
        f"**pairs** — {place['processor']}, {place['cores']} cores, {result['date']} UTC, {result['commit']}",
        "",
        f"| set | model | seeds | {' | '.join(COLUMNS.values())} |",
        "|" + "---|" * (len(COLUMNS) + 3),
    ]
    for row in result["rows"]:
        cells = (cell(row, column) for column in COLUMNS)
        lines.append(f"| {row['set']} | {row['arm']} | {row['seeds']} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *aims_of(result)])


if __name__ == "__main__":
    main()
