"""The whole job, commands from text to student: what each phase of a run took, its share and memory; `potstill --help`.

python -m benchmarks.whole --run runs/sst2
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.race.arm import ROOT
from benchmarks.race.options import Options, options_of, parser
from benchmarks.race.ratios import Spread
from benchmarks.race.results import add_aim, finish, result_of
from data import store

POTSTILL = Path(sys.executable).with_name("potstill")
HELP_ROUNDS = 10
SMALL_ROWS = 2_000


def main() -> None:
    made = parser(__doc__, rows=SMALL_ROWS)
    made.add_argument("--run", type=Path, default=ROOT / "runs" / "sst2", help="a finished run directory")
    values = made.parse_args()
    options = options_of(values)
    run = values.run if finished(values.run) and not options.quick else small_run(options)
    result = result_of("whole", options, settings={"run": run.name, "rows": None})
    result["remarks"] = []
    add_phases(result, run)
    measure_help(result)
    finish(result, options)
    print(phases_table(result))


def finished(run: Path) -> bool:
    path = run / "phases.json"
    return path.is_file() and all(record["finished"] for record in store.read_json(path).values())


def small_run(options: Options) -> Path:
    """Run the SST-2 recipe on a few rows with one seed: all phases are there, their shares are not the real ones."""
    data, out = options.work / "small-data", options.work / "small-run"
    data.mkdir(parents=True, exist_ok=True)
    for split in ("train", "dev", "test"):
        lines = (options.data / f"{split}.tsv").read_text("utf-8").splitlines(keepends=True)
        (data / f"{split}.tsv").write_text("".join(lines[: 1 + min(options.rows, len(lines))]), "utf-8")
    settings = {"data.root": data, "run.out": out, "train.seeds": "[0]", "teach.max_steps": 5, "augment.n_iter": 3}
    sets = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    subprocess.run([str(POTSTILL), "run", "sst2", *sets], cwd=ROOT, check=True)
    return out


def add_phases(result: dict[str, Any], run: Path) -> None:
    """Seconds, share, rows/s and peak memory of each phase, as the run's own ledger noted them."""
    records = store.read_json(run / "phases.json")
    total = sum(record["seconds"] for record in records.values())
    result["phases"] = {
        name: {
            "seconds": record["seconds"],
            "share": round(record["seconds"] / total, 4),
            **{key: record.get(key) for key in ("rows", "rows_per_second", "peak_megabytes")},
        }
        for name, record in records.items()
    }
    peaks = {name: phase["peak_megabytes"] or 0.0 for name, phase in result["phases"].items()}
    largest = max(peaks, key=peaks.__getitem__)
    result["total_seconds"] = round(total, 1)
    result["remarks"].append(f"whole job {total / 60:.1f} min; most memory in {largest}: {peaks[largest]:,.0f} MB")


def measure_help(result: dict[str, Any]) -> None:
    """Start `potstill --help` in an empty directory, some times over."""
    times = []
    with tempfile.TemporaryDirectory() as place:
        for _ in range(HELP_ROUNDS + 1):
            start = time.perf_counter()
            subprocess.run([str(POTSTILL), "--help"], cwd=place, check=True, capture_output=True)
            times.append(time.perf_counter() - start)
    spread = Spread.of(times[1:])
    result["rounds"] += [
        {"arm": "potstill --help", "round": number, "seconds": seconds} for number, seconds in enumerate(times)
    ]
    result["help"] = {"first": round(times[0], 4), **spread.to_dict()}
    add_aim(result, "potstill --help, seconds", spread.median, most=0.4)
    result["remarks"].append(f"potstill --help: {spread} s, first start {times[0]:.2f} s")


def phases_table(result: dict[str, Any]) -> str:
    lines = ["", "| phase | seconds | share | rows | rows/s | peak MB |", "|---|---|---|---|---|---|"]
    for name, phase in result["phases"].items():
        cells = [f"{phase[key]:,.0f}" if phase[key] else "" for key in ("rows", "rows_per_second", "peak_megabytes")]
        lines.append(f"| {name} | {phase['seconds']:,.1f} | {phase['share']:.1%} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
