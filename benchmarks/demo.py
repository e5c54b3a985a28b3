"""A finished demo as a result file, and as the table of README.md between its two marks.

python -m benchmarks.demo --run runs/demo [--wall SECONDS]
"""

import argparse
import time
from pathlib import Path
from typing import Any

from benchmarks.race.arm import ROOT
from benchmarks.watch import machine
from data import store
from pipelines.screen.loglines import duration

RESULT, PAGE = ROOT / "benchmarks" / "results" / "demo.json", ROOT / "README.md"
BEGIN, END = "<!-- demo: written by python -m benchmarks.demo -->\n", "<!-- end of demo -->\n"
NAMES = {"labels": "student on labels alone", "distilled": "**distilled student**"}
COLUMNS = ("model", "dev", "dev_std", "test", "test_std", "seeds", "way", "megabytes", "p50_ms", "rows_per_second")


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--run", type=Path, default=ROOT / "runs" / "demo", help="a finished run of potstill demo")
    made.add_argument("--wall", type=float, help="seconds that the command took by the clock")
    values = made.parse_args()
    store.write_json(RESULT, result_of(values.run, values.wall))
    page = PAGE.read_text("utf-8")
    before, rest = page.split(BEGIN)
    store.write_text(PAGE, f"{before}{BEGIN}{table(store.read_json(RESULT))}{END}{rest.split(END)[1]}")


def result_of(run: Path, wall: float | None) -> dict[str, Any]:
    """What a run of the demo measured, with the machine it ran on."""
    rows = store.read_json(run / "results.json")["rows"]
    phases = store.read_json(run / "phases.json")
    return {
        "command": "potstill demo",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine.describe_machine(),
        "wall_seconds": wall,
        "phases": {name: record["seconds"] for name, record in phases.items()},
        "rows": [{name: row[name] for name in COLUMNS if row.get(name) is not None} for row in rows],
    }


def table(result: dict[str, Any]) -> str:
    """The rows as Markdown, best last, and how long the run took."""
    rows = sorted(result["rows"], key=lambda row: (row["model"] == "teacher", row["test"]))
    lines = ["| model | accuracy on 528 test reviews, % | MB | one text, ms |", "|---|---|---|---|"]
    for row in rows:
        spread = f" ± {100 * row['test_std']:.1f}" if row.get("test_std") else ""
        costs = [f"{row[name]:.1f}" if name in row else "" for name in ("megabytes", "p50_ms")]
        lines.append(
            f"| {NAMES.get(row['model'], row['model'])} | {100 * row['test']:.1f}{spread} | {' | '.join(costs)} |"
        )
    if result["wall_seconds"]:
        took, cores = duration(result["wall_seconds"]), result["machine"]["cores"]
        lines += ["", f"That run took {took} after the installation, on {cores} cores."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
